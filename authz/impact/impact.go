// Package impact is what comes of a change of a policy: who gains and who loses what, in which
// records, because of which facts. Authorizer.Preview of package authz tells it.
package impact

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Impact is who gains and who loses what by a change of a policy.
type Impact struct {
	Tenant        string       `json:"tenant"`
	At            time.Time    `json:"at"`
	Added         Facts        `json:"added,omitempty"`
	Removed       Facts        `json:"removed,omitempty"`
	SchemaChanged bool         `json:"schemaChanged,omitempty"`
	People        int          `json:"people"` // that were looked at, beside anyone else
	Gains         []Difference `json:"gains,omitempty"`
	Losses        []Difference `json:"losses,omitempty"`
	// Later is what is otherwise at instants behind At, each time than before.
	Later []Variation `json:"later,omitempty"`
	// Networks is what is otherwise for those who ask from networks that switches except.
	Networks []Variation `json:"networks,omitempty"`
}

// Variation is what differs at another instant, or from another address.
type Variation struct {
	At     time.Time    `json:"at"`
	From   *netip.Addr  `json:"from,omitempty"` // some address of the network; nil: of none
	Gains  []Difference `json:"gains,omitempty"`
	Losses []Difference `json:"losses,omitempty"`
	Over   []Difference `json:"over,omitempty"` // gains and losses that are none here
}

// Difference is what some people gain or lose alike.
type Difference struct {
	People []string `json:"people"` // sorted; Anyone stands for all whom no fact names
	// Group is a group that all these people are in, after a gain or before a loss; of several the
	// one with the fewest people, who are Of. Empty: there is none, or it is about one person only.
	Group  string           `json:"group,omitempty"`
	Of     int              `json:"of,omitempty"`
	Type   string           `json:"type"`
	Action string           `json:"action"`
	Fields []string         `json:"fields,omitempty"` // empty: the action itself is allowed, or is not
	From   model.FieldLevel `json:"from,omitempty"`   // of the fields, before
	To     model.FieldLevel `json:"to,omitempty"`     // and now
	Where  Where            `json:"where"`
	// Because is facts added and removed that account for it, for one of these people each
	// on one record; empty if the schema does.
	Because Facts   `json:"because,omitempty"`
	Example Example `json:"example"`
}

// Example is a person and a record of which something is so. The attribute if:c of the record,
// and of those above it, is what the condition c is of it: true, false or, if it is not there, unknown;
// "if:c before" and "if:c now", if the condition has changed.
type Example struct {
	User   string        `json:"user"`
	Record *model.Record `json:"record"`
}

// Facts are facts that are written as their lines.
type Facts []model.Fact

// MarshalJSON writes a list of lines.
func (f Facts) MarshalJSON() ([]byte, error) {
	lines := make([]string, len(f))
	for i, fact := range f {
		lines[i] = fact.String()
	}
	return json.Marshal(lines)
}

// Gain tells whether it is a gain; otherwise it is a loss.
func (d Difference) Gain() bool { return d.To > d.From }
