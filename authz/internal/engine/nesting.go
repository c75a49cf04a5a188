package engine

import "github.com/crmauthz/crmauthz/model"

// CheckNesting tells whether the groups, units and reporting lines of a policy
// nest without a cycle and no deeper than may be, as far as added lines have to
// do with it; all are the policy's lines, the added ones among them.
func CheckNesting(added []model.Line, all ...[]model.Line) error {
	n := nesting{up: map[string][]string{}, height: map[string]int{}}
	for _, lines := range all {
		for _, l := range lines {
			if nests(l) {
				n.up[n.lower(l)] = append(n.up[n.lower(l)], n.upper(l))
			}
		}
	}
	down := nesting{up: map[string][]string{}, height: map[string]int{}}
	for lower, uppers := range n.up {
		for _, upper := range uppers {
			down.up[upper] = append(down.up[upper], lower)
		}
	}
	for _, l := range added {
		if !nests(l) {
			continue
		}
		above, ok := n.measure(n.upper(l))
		below, _ := down.measure(n.lower(l))
		limit := model.MaxDepth
		if l.Section == model.Memberships {
			limit-- // the last one is the user's own membership
		}
		f, _ := model.Decode(l)
		switch {
		case !ok:
			return model.At("change", "fact", f.String(), model.ErrCycle)
		case above+1+below > limit:
			return model.At("change", "fact", f.String(), model.ErrTooDeep)
		}
	}
	return nil
}

// nests tells whether a line puts a group into another, or is an org edge.
func nests(l model.Line) bool {
	return l.Section == model.OrgEdges || l.Section == model.Memberships && model.KindOf(l.Values[0]) != model.User
}

// nesting is a graph of what is directly in, or below, what.
type nesting struct {
	up     map[string][]string
	height map[string]int // longest way up; inProgress while it is measured
}

const inProgress = -1

// Groups and org units are nodes of two graphs: a unit is in both.
func (n *nesting) lower(l model.Line) string { return string(l.Section) + l.Values[0] }
func (n *nesting) upper(l model.Line) string { return string(l.Section) + l.Values[1] }

// measure is the longest way up from a node; not ok if it leads into a cycle.
func (n *nesting) measure(node string) (height int, ok bool) {
	if h, known := n.height[node]; known {
		return h, h != inProgress
	}
	n.height[node] = inProgress
	for _, up := range n.up[node] {
		h, ok := n.measure(up)
		if !ok {
			return 0, false
		}
		height = max(height, h+1)
	}
	n.height[node] = height
	return height, true
}
