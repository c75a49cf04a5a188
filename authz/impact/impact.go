// Package impact is what comes of a change of a policy: who gains and who loses what, in which
// records, because of which facts. Authorizer.Preview of package authz tells it.
package impact

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Impact is who gains and who loses what by a change of a policy.
type Impact struct {
	Tenant string `json:"tenant"`
	// Revision is that of the tenant's policy before; 0 if it is of none.
	Revision      model.Revision `json:"revision,omitempty"`
	At            time.Time      `json:"at"`
	Added         Facts          `json:"added,omitempty"`
	Removed       Facts          `json:"removed,omitempty"`
	SchemaChanged bool           `json:"schemaChanged,omitempty"`
	People        int            `json:"people"` // that were looked at, beside anyone else
	Gains         []Difference   `json:"gains,omitempty"`
	Losses        []Difference   `json:"losses,omitempty"`
	// Records are those among the records that were asked about, OfRecords many, of which somebody gains or loses something.
	Records   []Record `json:"records,omitempty"`
	OfRecords int      `json:"ofRecords,omitempty"`
	// Later is what is otherwise at instants behind At, each time than before.
	Later []Variation `json:"later,omitempty"`
	// Networks is what is otherwise for those who ask from networks that switches except.
	Networks []Variation `json:"networks,omitempty"`
}

// Record is who gains and who loses what of one record, whose facts are known: so conditions are what they
// are of it, but for what they ask of the user and the environment, which is not known. Fields that come or go
// with an action are not told, and the Differences have no Where, no Because and no Example.
type Record struct {
	Type   string       `json:"type"`
	ID     string       `json:"id"`
	Gains  []Difference `json:"gains,omitempty"`
	Losses []Difference `json:"losses,omitempty"`
}

// Gaining is the people who gain anything at the instant, sorted; Anyone among them if everyone else does.
func (i *Impact) Gaining() []string { return peopleOf(i.Gains) }

// Losing is the people who lose anything at the instant, sorted.
func (i *Impact) Losing() []string { return peopleOf(i.Losses) }

func peopleOf(all []Difference) []string {
	people := map[string]bool{}
	for _, d := range all {
		for _, p := range d.People {
			people[p] = true
		}
	}
	return slices.Sorted(maps.Keys(people))
}

// Nothing tells whether nobody gains or loses anything, at no instant that was looked at.
func (i *Impact) Nothing() bool {
	return len(i.Gains)+len(i.Losses)+len(i.Later)+len(i.Networks) == 0
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
	Where  Where            `json:"where,omitempty"`
	// Because is facts added and removed that account for it, for one of these people each
	// on one record; empty if the schema does.
	Because Facts   `json:"because,omitempty"`
	Example Example `json:"example,omitzero"`
}

// Anyone is how an Impact calls whoever is not named by any fact.
const Anyone = "anyone else"

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
