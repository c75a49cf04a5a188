package analysis

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// Preview, which looks only at whom a change can concern, finds what Diff finds, which looks at
// everybody.
func TestPreviewIsDiff(t *testing.T) {
	var previewed, narrowed, changed int
	for s := range uint64(*pairs) {
		s += *seed
		d := newDice(s)
		c, other := difftest.Generate(s), difftest.Generate(s+256)
		lines, base := sortedLines(c.Lines), sortedLines(c.BaseLines)
		v := schemaOf(t, c.Schema).Vocabulary
		change := Change{Tenant: "acme", Lines: lines, Base: base}
		own, others := slices.Concat(lines, base), slices.Concat(other.Lines, other.BaseLines)
		for range 1 + d.IntN(3) {
			switch {
			case d.IntN(2) == 0 && len(own) > 0:
				change.Remove = append(change.Remove, own[d.IntN(len(own))])
			case len(others) > 0:
				change.Add = append(change.Add, others[d.IntN(len(others))])
			}
		}
		change.Add = slices.DeleteFunc(change.Add, func(l model.Line) bool { return slices.Contains(change.Remove, l) })
		change.Add = sortedLines(change.Add)
		got, err := v.Preview(t.Context(), change, Options{At: now, Later: 2})
		if err != nil {
			t.Fatalf("seed %d: %v", s, err)
		}
		afterLines, afterBase := change.After()
		var policies [2]*compiled
		for i, of := range [2][]model.Line{own, slices.Concat(afterLines, afterBase)} {
			if policies[i], err = v.compile(Policy{Schema: v.schema, Tenant: "acme", Facts: decode(t, of)}); err != nil {
				t.Fatalf("seed %d: %v", s, err)
			}
		}
		whole := newDiffer(policies[0], policies[1], Options{At: now, Later: 2})
		whole.brief = whole.causes.brief()
		want, err := whole.impact(t.Context(), false)
		if err != nil {
			t.Fatalf("seed %d: %v", s, err)
		}
		if diff := cmp.Diff(text(t, want), text(t, got)); diff != "" {
			t.Errorf("seed %d: remove %v, add %v (-Diff +Preview)\n%s", s, change.Remove, change.Add, diff)
		}
		previewed++
		before, after, err := v.compileChange(change.Effective())
		if err != nil {
			t.Fatal(err)
		}
		of := newDiffer(policies[0], policies[1], Options{})
		of.before, of.now = before, after
		if of.users = nil; len(of.causes.added)+len(of.causes.removed) > 0 {
			of.narrow(change.Effective())
		}
		if len(of.users) < len(of.known) || of.types != nil {
			narrowed++
		}
		if len(got.Gains)+len(got.Losses)+len(got.Later) > 0 {
			changed++
		}
	}
	if narrowed < previewed/4 || changed < previewed/4 {
		t.Errorf("of %d previews %d looked at some only, and %d found something", previewed, narrowed, changed)
	}
	t.Logf("of %d previews %d looked at some people or types only, and %d found something", previewed, narrowed, changed)
}

func text(t *testing.T, of any) string {
	t.Helper()
	b, err := json.MarshalIndent(of, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
