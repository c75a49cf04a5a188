package crm_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz/internal/reference/difftest"
	"github.com/crmauthz/crmauthz/model"
)

// A long run: go test ./authz/internal/reference/difftest/crm -run Random -organisations 2000
var (
	organisations = flag.Int("organisations", 40, "random organisations of each product")
	firstSeed     = flag.Uint64("seed", 1, "first seed")
)

// Of random organisations in every product's words, engine, Casbin and filter say the same.
func TestRandomOrganisations(t *testing.T) {
	for name, product := range products {
		if product.random == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var asked, allowed, seen, known int
			for seed := *firstSeed; seed < *firstSeed+uint64(*organisations); seed++ {
				d := dice{rand.New(rand.NewPCG(seed, 0))}
				compiled, oracle, err := product.random(d)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				p, err := compile(compiled)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				p.product = product
				questions := p.questions(d, 60)
				answers, err := p.ask(questions)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				for i, a := range answers {
					if oracle != nil && questions[i].Field == "" && a.Err == nil {
						want, ok := oracle.decides(questions[i].Request)
						if ok && want != a.Allowed {
							r := questions[i].Request
							t.Fatalf("seed %d: the product says %v, the compiled policy %v, of %s %s %+v", seed, want, a.Allowed, r.User, r.Action, r.Record)
						}
						known += one(ok)
					}
					asked++
					if a.Allowed {
						allowed++
					}
					if a.Field > model.FieldHidden {
						seen++
					}
				}
			}
			t.Logf("%d questions, %d allowed, %d fields seen, %d known to the oracle", asked, allowed, seen, known)
			if allowed < asked/20 || allowed > asked*4/5 || seen == 0 && product.fields {
				t.Error("the test tests little")
			}
		})
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// dice is the source of all that is random.
type dice struct{ *rand.Rand }

// chance is true in so many of 100 throws.
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// some is up to n of some values, each once.
func some[T any](d dice, n int, of ...T) []T {
	of = slices.Clone(of)
	d.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	return of[:min(len(of), d.IntN(n+1))]
}

// numbered are n names.
func numbered(name string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s%d", name, i+1))
	}
	return names
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// questions are random ones about records as a policy speaks of them.
func (p *policy) questions(d dice, n int) (questions []difftest.Question) {
	users, units, texts := p.names()
	for range n {
		typ := pick(d, keys(p.Schema.Types)...)
		q := difftest.Question{Request: model.Request{Tenant: tenant, User: pick(d, users...), Action: pick(d, keys(p.Schema.Types[typ].Actions)...), Type: typ, At: now}}
		if d.chance(90) {
			q.Request.Record = p.record(d, typ, p.around(d, q.Request.User, users), units, texts, 0)
		}
		q.Request.UserAttrs = attrs(d, p.Schema.User, texts)
		q.Request.Env = attrs(d, p.Schema.Env, texts)
		if fields := keys(p.Schema.Types[typ].Fields); len(fields) > 0 && d.chance(30) {
			q.Field = pick(d, fields...)
		}
		questions = append(questions, q)
	}
	return questions
}

// names are the users and units of the facts, and texts that attributes may have.
func (p *policy) names() (users, units, texts []string) {
	seen := map[string]bool{}
	for _, l := range p.lines {
		for _, v := range l.Values[:2] {
			if seen[v] {
				continue
			}
			seen[v] = true
			switch model.KindOf(v) {
			case model.User:
				users = append(users, v)
			case model.Unit:
				units = append(units, v)
			}
		}
	}
	return append(users, "user:nobody"), append(units, "unit:nowhere"), []string{"a", "b", "North", "South", "locked", "invalid"}
}

// teams are the teams of the facts.
func (p *policy) teams() (teams []string) {
	for _, l := range p.lines {
		if v := l.Values[1]; l.Section == model.Memberships && model.KindOf(v) == model.Team && !slices.Contains(teams, v) {
			teams = append(teams, v)
		}
	}
	return teams
}

// around are users among whom there are the user and those below him more often than others.
func (p *policy) around(d dice, user string, users []string) []string {
	users = append(slices.Clone(users), user)
	for at := user; d.chance(70); {
		var below []string
		for _, l := range p.lines {
			if l.Section == model.OrgEdges && l.Values[1] == at && model.KindOf(at) == model.User {
				below = append(below, l.Values[0])
			}
		}
		if len(below) == 0 {
			break
		}
		at = pick(d, below...)
		users = append(users, at, at, at)
	}
	return users
}

func (p *policy) record(d dice, typ string, users, units, texts []string, depth int) *model.Record {
	t := p.Schema.Types[typ]
	owners := users
	if p.product.teamsOwn {
		owners = slices.Concat(users, p.teams())
	}
	r := &model.Record{Type: typ, ID: pick(d, "1", "2", "3"), Owners: some(d, 2, owners...), Attrs: attrs(d, t.Attributes, append(slices.Clone(users), texts...))}
	for _, name := range keys(t.Attributes) {
		if likely := p.product.values[name]; likely != nil && d.chance(85) {
			r.Attrs[name] = pick(d, likely...)
		}
	}
	if strings.HasSuffix(typ, ".related") { // a stand-in for a record, which has no owners
		r.Owners = nil
	}
	if d.chance(60) {
		r.Unit = pick(d, units...)
	}
	if t.Parent.Type != "" && d.chance(80) && depth < 4 {
		r.Parent = p.record(d, t.Parent.Type, users, units, texts, depth+1)
	}
	return r
}

// attrs gives most attributes a value; some are nil, some missing.
func attrs(d dice, declared map[string]model.AttrType, texts []string) map[string]any {
	out := map[string]any{}
	for _, name := range keys(declared) {
		switch d.IntN(10) {
		case 0:
		case 1:
			out[name] = nil
		default:
			out[name] = value(d, declared[name], texts)
		}
	}
	return out
}

func value(d dice, t model.AttrType, texts []string) any {
	switch t {
	case model.AttrBool:
		return d.chance(50)
	case model.AttrInt:
		return d.IntN(4)
	case model.AttrDouble:
		return float64(d.IntN(8)) / 2
	case model.AttrTimestamp:
		return now.Add(time.Duration(d.IntN(5)-2) * 24 * time.Hour)
	case model.AttrDuration:
		return time.Duration(d.IntN(3)) * time.Hour
	case model.AttrStrings:
		return some(d, 3, texts...)
	default:
		return pick(d, texts...)
	}
}
