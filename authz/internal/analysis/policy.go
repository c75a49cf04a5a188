package analysis

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/authz/internal/condition"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// Policy is the policy of one tenant.
type Policy struct {
	Schema *model.Schema
	Tenant string
	// Facts of the tenant and of the base policy, in any order. Those of other
	// tenants are passed over.
	Facts []model.Fact
}

// Vocabulary is a tenant's schema ready for analyses of policies.
type Vocabulary struct {
	schema     *model.Schema  // of the tenant
	conditions *condition.Set // as they are
	// free is the schema with conditions that are free: the condition c is the
	// bool attribute if:c of records.
	free *engine.Schema
}

// NewVocabulary reads the schema of a tenant. What is wrong with it is a *model.ValueError.
func NewVocabulary(s *model.Schema, tenant string) (*Vocabulary, error) {
	if s == nil {
		return nil, model.At("policy", "schema", "", model.ErrMalformed)
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	conditions, err := condition.Compile(s)
	if err != nil {
		return nil, err
	}
	free := freed(s.For(tenant))
	freely, err := condition.Compile(free)
	if err != nil {
		return nil, err
	}
	return &Vocabulary{s.For(tenant), conditions, engine.NewSchema(free, freely)}, nil
}

// compiled is a policy ready to be analysed, by its tenant's schema.
type compiled struct {
	Policy
	*Vocabulary
	snapshot *engine.Snapshot // with conditions that are free
}

// ownFacts are the facts that concern the tenant.
func (c *compiled) ownFacts() (facts []model.Fact) {
	for _, f := range c.Facts {
		if t := f.TenantID(); t == c.Tenant || t == model.Base {
			facts = append(facts, f)
		}
	}
	return facts
}

// compile reads a policy. What is wrong with it is a *model.ValueError.
func compile(p Policy) (*compiled, error) {
	v, err := NewVocabulary(p.Schema, p.Tenant)
	if err != nil {
		return nil, fmt.Errorf("analysis: %w", err)
	}
	return v.compile(p)
}

func (v *Vocabulary) compile(p Policy) (*compiled, error) {
	snapshot, err := compileFacts(v.free, p.Tenant, p.Facts)
	if err != nil {
		return nil, fmt.Errorf("analysis: %w", err)
	}
	return &compiled{p, v, snapshot}, nil
}

func compileFacts(s *engine.Schema, tenant string, facts []model.Fact) (*engine.Snapshot, error) {
	if err := model.CheckTenant(tenant); err != nil || tenant == model.Base {
		return nil, model.At("policy", "tenant", tenant, model.ErrUnknownTenant)
	}
	var lines, base []model.Line
	for _, f := range facts {
		l, err := model.Encode(f)
		if err != nil {
			return nil, err
		}
		switch f.TenantID() {
		case tenant:
			lines = append(lines, l)
		case model.Base:
			base = append(base, l)
		}
	}
	var linked *engine.Snapshot
	if len(base) > 0 {
		var err error
		if linked, err = engine.Compile(s, nil, model.Base, 1, base); err != nil {
			return nil, err
		}
	}
	return engine.Compile(s, linked, tenant, 1, lines)
}

// freed is a schema with the same words, whose conditions are attributes of records.
func freed(s *model.Schema) *model.Schema {
	free := &model.Schema{Types: maps.Clone(s.Types), Conditions: map[string]string{}, Constraints: s.Constraints, Administration: s.Administration}
	attributes := map[string]model.AttrType{}
	for name := range s.Conditions {
		if attr := attrOf(name); model.CheckName(attr) == nil { // or no rule has room for it
			attributes[attr] = model.AttrBool
			free.Conditions[name] = "record[" + strconv.Quote(attr) + "]"
		}
	}
	for name, t := range free.Types {
		t.Attributes = attributes
		free.Types[name] = t
	}
	return free
}

const attrPrefix = "if:"

func attrOf(condition string) string { return attrPrefix + condition }

// people are the users that facts of any of the policies name, sorted, and behind them
// one of whom there are no facts.
func people(policies ...*compiled) []string {
	known := map[string]bool{}
	for _, p := range policies {
		for u := range p.snapshot.Users() {
			known[u] = true
		}
		for _, f := range p.Facts {
			if s, ok := f.(model.Switch); ok && model.KindOf(s.Target) == model.User {
				known[s.Target] = true
			}
		}
	}
	return append(slices.Sorted(maps.Keys(known)), engine.Stranger)
}

// Anyone is how results call whoever is not named by any fact.
const Anyone = impact.Anyone

func nameOf(user string) string {
	if user == engine.Stranger {
		return Anyone
	}
	return user
}

// borders are the instants behind one at which some fact begins or ends to be in force.
func borders(after time.Time, facts ...[]model.Fact) []time.Time {
	var all []time.Time
	for _, some := range facts {
		for _, f := range some {
			p := periodOf(f)
			for _, t := range []time.Time{p.From, p.Until} {
				if t.After(after) {
					all = append(all, t)
				}
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

func periodOf(f model.Fact) model.Period {
	switch f := f.(type) {
	case model.CustomerRule:
		return f.Valid
	case model.TeamRule:
		return f.Valid
	case model.FieldRule:
		return f.Valid
	case model.Membership:
		return f.Valid
	case model.Switch:
		return f.Valid
	}
	return model.Period{}
}

// addresses is one address of each class that the networks among exceptions tell apart, first of
// all the zero address, which is in none.
func addresses(facts ...[]model.Fact) []netip.Addr {
	var networks []netip.Prefix
	for _, some := range facts {
		for _, f := range some {
			if s, ok := f.(model.Switch); ok && s.Except != "" {
				networks = append(networks, s.Except.Networks()...)
			}
		}
	}
	all := []netip.Addr{{}}
	classes := map[string]bool{classOf(netip.Addr{}, networks): true}
	add := func(a netip.Addr) {
		if class := classOf(a, networks); a.IsValid() && !classes[class] {
			classes[class] = true
			all = append(all, a)
		}
	}
	for _, n := range networks { // networks are in each other, or apart: what is in one only begins at its start, or behind another's end
		add(n.Addr())
		add(lastOf(n).Next())
	}
	return all
}

// classOf is in which of the networks an address is.
func classOf(a netip.Addr, networks []netip.Prefix) string {
	class := make([]byte, len(networks))
	for i, n := range networks {
		if n.Contains(a) {
			class[i] = 1
		}
	}
	return string(class)
}

// lastOf is the last address of a network.
func lastOf(n netip.Prefix) netip.Addr {
	b := n.Addr().AsSlice()
	for i := n.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
