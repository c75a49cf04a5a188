package engine

import "slices"

// rule is a rule packed into 8 bytes, which order as these parts do, from the
// top: its subject; on a single record, what it is about; its level (of a customer
// rule: the effect; of a denying field rule: fieldDeny and the level); its terms.
type rule uint64

const (
	termsBits    = 20
	levelBits    = 4
	aboutBits    = 16
	subjectBits  = 24
	levelShift   = termsBits
	aboutShift   = levelShift + levelBits
	subjectShift = aboutShift + aboutBits
)

func newRule(subject uint32, about about, level uint8, terms uint32) rule {
	return rule(uint64(subject)<<subjectShift | uint64(about)<<aboutShift | uint64(level)<<levelShift | uint64(terms))
}

// about is what a rule on a single record is about: its kind, and the index of the
// action or field in the record's type.
type about uint16

const indexBits = aboutBits - 2

const (
	everyAction = about(customerRule) << indexBits
	aboutTeam   = about(teamRule) << indexBits
	everyField  = about(fieldRule) << indexBits
)

func (a *action) about() about { return everyAction | about(a.index) }
func (f *field) about() about  { return everyField | about(f.index+1) }

func (r rule) subject() uint32 { return uint32(r >> subjectShift) }
func (r rule) about() about    { return about(r >> aboutShift) }
func (r rule) level() uint8    { return uint8(r>>levelShift) & (1<<levelBits - 1) }
func (r rule) terms() uint32   { return uint32(r) & (1<<termsBits - 1) }

// run is all rules on one record, sorted. Most are of one rule, which lies in the
// table itself.
type run struct {
	one  [1]rule // 0: none
	more *manyRules
}

// manyRules are, with their guide, as long as a cache line.
type manyRules struct {
	all   []rule
	guide guide
}

func newRun(rules []rule) run {
	switch len(rules) {
	case 0:
		return run{}
	case 1:
		return run{one: [1]rule{rules[0]}}
	}
	return run{more: &manyRules{rules, newGuide(rules)}}
}

func (r *run) rules() []rule {
	switch {
	case r == nil:
		return nil
	case r.more != nil:
		return r.more.all
	case r.one[0] != 0:
		return r.one[:]
	}
	return nil
}

// many rules of a record are not looked at one after the other: a user's are sought.
const many = 32

// guide is the subjects of some of many rules, from the first one on and the same
// number of rules apart: it leads to a user's rules past the memory of all others.
type guide [10]uint32

func newGuide(rules []rule) (g guide) {
	if len(rules) > many {
		for i := range g {
			g[i] = rules[min(i*g.apart(rules), len(rules)-1)].subject()
		}
	}
	return g
}

func (g *guide) apart(rules []rule) int { return (len(rules)-1)/len(g) + 1 }

// seek is the place of the first rule of a subject, or at which it would be.
func (g *guide) seek(rules []rule, subject uint32) int {
	before := 0
	for _, s := range g {
		if s < subject {
			before++
		}
	}
	if before == 0 {
		return 0
	}
	apart := g.apart(rules)
	start := min((before-1)*apart, len(rules))
	part, first := rules[start:min(start+apart, len(rules))], newRule(subject, 0, 0, 0)
	for len(part) > many {
		if half := len(part) / 2; part[half] < first {
			part, start = part[half:], start+half
		} else {
			part = part[:half]
		}
	}
	for _, r := range part { // all of them: which are before it is nothing to guess at
		if r < first {
			start++
		}
	}
	return start
}

// next is subject.next for many rules that have a guide, behind the last one of a subject. Of
// the user's groups, only the holders of rules on single records are sought.
func (g *guide) next(s *subject, holders bitSet, run []rule, from int) int {
	ids, at := s.ids(), g[0] // the least subject that the next rule may be of
	if from > 0 {
		at = run[from-1].subject() + 1
	}
	for i := atLeast(ids, at); i < len(ids); {
		if !holders.has(int(ids[i])) {
			i++
			continue
		}
		if from = max(from, g.seek(run, ids[i])); from == len(run) {
			break
		}
		if at = run[from].subject(); at == ids[i] {
			return from
		}
		i += atLeast(ids[i:], at)
	}
	return len(run)
}

// atLeast is the place of the first of the sorted ids that is not less; their number if there is none.
func atLeast(ids []uint32, id uint32) int {
	if len(ids) > len(subject{}.near) {
		i, _ := slices.BinarySearch(ids, id)
		return i
	}
	for i := range ids {
		if ids[i] >= id {
			return i
		}
	}
	return len(ids)
}

// next is the place of the first rule from a place on, in a run sorted by
// subject, whose subject the user is or is in; the run's length if there is none.
func (s *subject) next(run []rule, from int) int {
	for len(run)-from > many { // pass over all up to the next of the user's groups
		g, found := slices.BinarySearch(s.ids(), run[from].subject())
		if found {
			return from
		}
		if g == int(s.count) {
			return len(run)
		}
		skip, _ := slices.BinarySearch(run[from:], newRule(s.ids()[g], 0, 0, 0))
		from += skip
	}
	for i := from; i < len(run); i++ {
		if s.in(run[i].subject()) {
			return i
		}
	}
	return len(run)
}

// recordRules is the rules on a single record, and a window on those of them that
// concern the user: several questions about the record pass over its rules once.
type recordRules struct {
	all    []rule
	guide  *guide // of several
	passed int    // of all: they were looked at
	first  uint   // which of those that concern the user comes first in the window
	count  uint   // how many are in it, a 0 behind the last one among them
	window [8]rule
}

func (rs *recordRules) set(r *run) {
	rs.all = r.rules()
	if len(rs.all) > 1 {
		rs.guide = &r.more.guide
	}
}

// mine is the rule that comes i-th among those that concern the user; 0: there are no more.
func (rs *recordRules) mine(q *question, i uint) rule {
	if at := i - rs.first; at < rs.count { // not if it is before the first
		return rs.window[at]
	}
	return rs.move(q, i)
}

// move moves the window on until it shows the i-th rule, from the start if it must go back.
func (rs *recordRules) move(q *question, i uint) rule {
	if i < rs.first {
		*rs = recordRules{all: rs.all, guide: rs.guide}
	}
	for rs.passed <= len(rs.all) && i >= rs.first+rs.count {
		rs.first, rs.count = rs.first+rs.count, 0
		for rs.passed <= len(rs.all) && rs.count < uint(len(rs.window)) {
			at, r := rs.passed, rule(0)
			switch {
			case at > 0 && at < len(rs.all) && rs.all[at].subject() == rs.all[at-1].subject(): // as the one before it did
			case len(rs.all) > many:
				at = rs.guide.next(q.who, q.holders, rs.all, at)
			default:
				at = q.who.next(rs.all, at)
			}
			if at < len(rs.all) {
				r = rs.all[at]
			}
			rs.window[rs.count], rs.passed = r, at+1
			rs.count++
		}
	}
	if i -= rs.first; i < rs.count {
		return rs.window[i]
	}
	return 0
}
