package analysis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/crmauthz/crmauthz/authz/impact"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// Change is a policy and a change of it, in lines.
type Change struct {
	Tenant string
	// Lines are all of the tenant and Base those of the base policy, before the change.
	Lines, Base []model.Line
	// Remove and Add are of the tenant or of the base policy. What is not there to be
	// removed, or is there to be added, is passed over.
	Remove, Add []model.Line
}

// After is the lines of the tenant and of the base policy behind the change.
func (c Change) After() (lines, base []model.Line) {
	gone := map[model.Line]bool{}
	for _, l := range c.Remove {
		gone[l] = true
	}
	is := func(l model.Line) bool { return gone[l] }
	lines, base = c.Lines, c.Base
	if len(gone) > 0 {
		lines = slices.DeleteFunc(slices.Clone(lines), is)
		base = slices.DeleteFunc(slices.Clone(base), is)
	}
	lines, base = slices.Clip(lines), slices.Clip(base)
	for _, l := range c.Add {
		if l.Tenant() == model.Base {
			base = append(base, l)
		} else {
			lines = append(lines, l)
		}
	}
	return lines, base
}

// Effective is the change without what does not change anything.
func (c Change) Effective() Change {
	there := map[model.Line]bool{}
	for _, l := range slices.Concat(c.Remove, c.Add) {
		there[l] = false
	}
	for _, lines := range [2][]model.Line{c.Lines, c.Base} {
		for _, l := range lines {
			if _, ok := there[l]; ok {
				there[l] = true
			}
		}
	}
	only := func(lines []model.Line, is bool) (some []model.Line) {
		for _, l := range lines {
			if there[l] == is && !slices.Contains(some, l) {
				some = append(some, l)
			}
		}
		return some
	}
	c.Remove, c.Add = only(c.Remove, true), only(c.Add, false)
	return c
}

// Preview is Diff for a policy and a change of it: it looks only at the people and types
// that the change can concern. Where the tenant itself is switched, it does not tell of which records somebody
// loses, or has again, an action altogether.
//
// Errors are those of Diff.
func (v *Vocabulary) Preview(ctx context.Context, c Change, o Options) (*impact.Impact, error) {
	c = c.Effective()
	for _, lines := range []*[]model.Line{&c.Lines, &c.Base, &c.Remove, &c.Add} {
		*lines = sortedLines(*lines) // stores have no order, and the answer is to have one
	}
	before, now, err := v.compileChange(c)
	if err != nil {
		return nil, fmt.Errorf("analysis: %w", err)
	}
	added, err := decodeAll(c.Add)
	if err != nil {
		return nil, err
	}
	removed, err := decodeAll(c.Remove)
	if err != nil {
		return nil, err
	}
	d := differ{before: before, now: now, known: people(before, now), options: o,
		causes: newCauses(added, removed, slices.Values(slices.Concat(before.Facts, added)))}
	if len(added)+len(removed) > 0 {
		d.narrow(c)
	}
	return d.impact(ctx, false)
}

func sortedLines(lines []model.Line) []model.Line {
	return slices.SortedFunc(slices.Values(lines), func(a, b model.Line) int {
		if c := strings.Compare(string(a.Section), string(b.Section)); c != 0 {
			return c
		}
		return slices.Compare(a.Values[:], b.Values[:])
	})
}

// compileChange compiles the policy before a change and behind it. Of its facts it decodes those only
// that lead anywhere or have to do with many: all but most rules.
func (v *Vocabulary) compileChange(c Change) (before, now *compiled, err error) {
	link := func(lines []model.Line) (*engine.Snapshot, error) {
		if len(lines) == 0 {
			return nil, nil
		}
		return engine.Compile(v.free, nil, model.Base, 1, lines)
	}
	afterLines, afterBase := c.After()
	var policies [2]*compiled
	var base *engine.Snapshot
	for i, of := range [2]struct{ lines, base []model.Line }{{c.Lines, c.Base}, {afterLines, afterBase}} {
		if i == 0 || !slices.Equal(c.Base, of.base) {
			if base, err = link(of.base); err != nil {
				return nil, nil, err
			}
		}
		s, err := v.compileLines(c, policies[0], base, of.lines)
		if err != nil {
			return nil, nil, err
		}
		policies[i] = &compiled{Policy{Tenant: c.Tenant}, v, s}
		if policies[i].Facts, err = structure(c, of.lines, of.base); err != nil {
			return nil, nil, err
		}
	}
	return policies[0], policies[1], nil
}

// compileLines compiles the policy before a change or, quickly if that can be, behind it.
func (v *Vocabulary) compileLines(c Change, before *compiled, base *engine.Snapshot, lines []model.Line) (*engine.Snapshot, error) {
	if before != nil && before.snapshot.Linked == base {
		if s, quick, err := before.snapshot.With(2, c.Remove, c.Add); quick || err != nil {
			return s, err
		}
	}
	return engine.Compile(v.free, base, c.Tenant, 1, lines)
}

// structure is the memberships, org edges, switches and field rules among lines, and what switches that
// a change is about name.
func structure(c Change, all ...[]model.Line) (facts []model.Fact, err error) {
	named := map[string]bool{}
	for _, l := range slices.Concat(c.Remove, c.Add) {
		if l.Section == model.Switches && model.IsRuleID(l.Values[0]) {
			named[l.Values[0]] = true
		}
	}
	for _, lines := range all {
		for _, l := range lines {
			if (l.Section == model.CustomerRules || l.Section == model.TeamRules) && (len(named) == 0 || !named[l.RuleID()]) {
				continue
			}
			f, err := model.Decode(l)
			if err != nil {
				return nil, err
			}
			facts = append(facts, f)
		}
	}
	return facts, nil
}

func decodeAll(lines []model.Line) (facts []model.Fact, err error) {
	for _, l := range lines {
		f, err := model.Decode(l)
		if err != nil {
			return nil, fmt.Errorf("analysis: %w", err)
		}
		facts = append(facts, f)
	}
	return facts, nil
}

// narrow leaves the people and types out that a change does not concern.
func (d *differ) narrow(c Change) {
	d.brief = d.causes.brief()
	f := newConcern(d)
	for _, fact := range slices.Concat(d.causes.added, d.causes.removed) {
		f.change(fact)
	}
	if len(f.units) > 0 {
		f.onUnits(c)
	}
	if !f.allTypes {
		d.types = f.types
	}
	if f.everybody || d.before.snapshot.Opens() || d.now.snapshot.Opens() { // of whom there are facts counts in an open tenant
		d.users = d.known
		return
	}
	for _, user := range d.known {
		if user == engine.Stranger || f.users[user] {
			d.users = append(d.users, user)
		}
	}
}

// onUnits adds whom rules on records of units concern that are other ones now.
func (f *concern) onUnits(c Change) {
	lines, base := c.After()
	for _, all := range [4][]model.Line{c.Lines, c.Base, lines, base} {
		for _, l := range all {
			target := l.Values[2]
			if l.Section == model.Switches {
				target = l.Values[0]
			}
			if l.Section == model.Memberships || l.Section == model.OrgEdges || !strings.Contains(target, "@") {
				continue
			}
			switch t, err := model.ParseTarget(target); {
			case err != nil || !f.units[t.Unit]:
			case l.Section == model.Switches:
				f.everybody = true
			default:
				f.holders(l.Values[0])
			}
		}
	}
}
