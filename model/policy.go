package model

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxYAMLFacts is how many facts a policy file may have, its lists multiplied out.
const MaxYAMLFacts = 100_000

// ParsePolicy reads facts from YAML, as people write them. Each tenant, or "*"
// for the base policy, has up to six lists:
//
//	acme:
//	  members:
//	    - {who: user:alice, in: [role:rep, team:north]}
//	    - {who: user:bob, in: role:support, from: 2026-01-01T00:00:00Z, until: 2026-07-01T00:00:00Z}
//	  org:
//	    - {who: user:alice, under: user:carol}
//	  rules:                                    # customer rules
//	    - {who: role:rep, may: [read, update], on: customer, scope: own, if: eu_only}
//	    - {who: role:intern, may not: delete, on: customer}
//	  teams:                                    # team rules
//	    - {who: user:bob, has: read, on: customer/42, as: support}
//	  fields:                                   # field rules; below is one that denies
//	    - {who: role:support, has: masked, on: customer#phone}
//	    - {who: role:intern, below: read, on: customer#salary}
//	  off:                                      # switches
//	    - {what: user:eve, until: 2026-07-01T00:00:00Z}
//	    - {what: "*", mode: read-only}          # the tenant
//
// who, in, under, may, may not, on and what take one value or a list: a fact
// for each combination. from, until and if may stand wherever a line has them.
//
// Errors are a [SourceError] with the line, of a [ValueError]. Refused are
// unknown words, a fact that stands twice, what Encode refuses, several documents,
// aliases, tags, more than MaxYAML bytes and more than MaxYAMLFacts facts.
func ParsePolicy(data []byte) ([]Fact, error) {
	p := newPolicyReader()
	n := p.Parse(data)
	if p.err == nil {
		for tenant, lists := range p.Entries(n) {
			p.tenantLists(tenant.Value, lists)
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	facts := make([]Fact, len(p.facts))
	for i, f := range p.facts {
		facts[i] = f.Fact
	}
	return facts, nil
}

// PlacedFact is a fact and where in its document the entry begins that says it.
type PlacedFact struct {
	Fact
	Line, Column int
}

// FactsOf is ParsePolicy for the lists of one tenant that stand inside another document.
func FactsOf(tenant string, lists *yaml.Node) ([]PlacedFact, error) {
	p := newPolicyReader()
	p.tenantLists(tenant, lists)
	if p.err != nil {
		return nil, p.err
	}
	return p.facts, nil
}

type policyReader struct {
	YAMLReader
	tenant string
	facts  []PlacedFact
	seen   map[Line]int // the line of the document where the fact stands
}

func newPolicyReader() *policyReader {
	return &policyReader{YAMLReader: YAMLReader{In: "policy"}, seen: map[Line]int{}}
}

// policyLists are the lists of a tenant in the order in which they are written,
// each with the words of its entries.
var policyLists = []policyList{
	{"members", []string{"who", "in", "from", "until"}, (*policyReader).membership},
	{"org", []string{"who", "under"}, (*policyReader).orgEdge},
	{"rules", []string{"who", "may", "may not", "on", "scope", "if", "from", "until"}, (*policyReader).customerRule},
	{"teams", []string{"who", "has", "on", "as", "if", "from", "until"}, (*policyReader).teamRule},
	{"fields", []string{"who", "has", "below", "on", "if", "from", "until"}, (*policyReader).fieldRule},
	{"off", []string{"what", "mode", "except", "from", "until"}, (*policyReader).switches},
}

type policyList struct {
	name  string
	words []string
	read  func(*policyReader, policyEntry)
}

// manyWords may have a list of values.
var manyWords = []string{"who", "in", "under", "may", "may not", "on", "what", "except"}

func (p *policyReader) tenantLists(tenant string, lists *yaml.Node) {
	p.tenant = tenant
	p.Fail(lists, tenant, CheckTenant(tenant))
	for word, items := range p.Entries(lists) {
		i := slices.IndexFunc(policyLists, func(l policyList) bool { return l.name == word.Value })
		if i < 0 {
			p.Unknown(word, "members", "org", "rules", "teams", "fields", "off")
			return
		}
		for item := range p.Items(items) {
			if e := p.entry(item, policyLists[i].words); p.err == nil {
				policyLists[i].read(p, e)
			}
		}
	}
}

// policyEntry is one entry of a list: the values of each word.
type policyEntry struct {
	node  *yaml.Node
	words map[string][]*yaml.Node
}

func (p *policyReader) entry(n *yaml.Node, words []string) policyEntry {
	e := policyEntry{n, map[string][]*yaml.Node{}}
	for word, value := range p.Entries(n) {
		switch {
		case !slices.Contains(words, word.Value):
			p.Unknown(word, words...)
		case slices.Contains(manyWords, word.Value):
			e.words[word.Value] = p.oneOrList(value)
		default:
			p.Text(value)
			e.words[word.Value] = []*yaml.Node{value}
		}
	}
	return e
}

// each yields the values of a word that must be there.
func (p *policyReader) each(e policyEntry, word string) iter.Seq[string] {
	return func(yield func(string) bool) {
		p.need(e, word)
		for _, n := range e.words[word] {
			if p.err != nil || !yield(n.Value) {
				return
			}
		}
	}
}

func (p *policyReader) need(e policyEntry, word string) {
	if e.words[word] == nil {
		p.Fail(e.node, "", fail(ErrMalformed, "the word %s is missing", word))
	}
}

// either returns which of two words is there.
func (p *policyReader) either(e policyEntry, a, b string) string {
	word := a
	if e.words[a] == nil {
		word = b
	}
	if (e.words[a] == nil) == (e.words[b] == nil) {
		p.Fail(e.node, "", fail(ErrMalformed, "either %s or %s", a, b))
	}
	return word
}

// targets yields what each target in "on" stands for.
func (p *policyReader) targets(e policyEntry) iter.Seq[Target] {
	return func(yield func(Target) bool) {
		p.need(e, "on")
		for _, n := range e.words["on"] {
			if t := scan(&p.YAMLReader, n, ParseTarget); p.err != nil || !yield(t) {
				return
			}
		}
	}
}

// optional is the value of a word, the zero value if it is not there.
func optional[T any](p *policyReader, e policyEntry, word string, parse func(string) (T, error)) (v T) {
	for _, n := range e.words[word] {
		v = scan(&p.YAMLReader, n, parse)
	}
	return v
}

func (p *policyReader) name(e policyEntry, word string) string {
	return optional(p, e, word, func(s string) (string, error) { return s, CheckName(s) })
}

func (p *policyReader) period(e policyEntry) Period {
	return Period{From: optional(p, e, "from", parseTime), Until: optional(p, e, "until", parseTime)}
}

func (p *policyReader) membership(e policyEntry) {
	valid := p.period(e)
	for who := range p.each(e, "who") {
		for group := range p.each(e, "in") {
			p.add(e, Membership{p.tenant, who, group, valid})
		}
	}
}

func (p *policyReader) orgEdge(e policyEntry) {
	for who := range p.each(e, "who") {
		for above := range p.each(e, "under") {
			p.add(e, OrgEdge{p.tenant, who, above})
		}
	}
}

func (p *policyReader) customerRule(e policyEntry) {
	f := CustomerRule{Tenant: p.tenant, Effect: Allow, If: p.name(e, "if"), Valid: p.period(e)}
	f.Scope = optional(p, e, "scope", ParseScope)
	may := p.either(e, "may", "may not")
	if may == "may not" {
		f.Effect = Deny
	}
	for f.Subject = range p.each(e, "who") {
		for f.Action = range p.each(e, may) {
			for f.On = range p.targets(e) {
				p.add(e, f)
			}
		}
	}
}

func (p *policyReader) teamRule(e policyEntry) {
	p.need(e, "has")
	f := TeamRule{Tenant: p.tenant, As: p.name(e, "as"), If: p.name(e, "if"), Valid: p.period(e)}
	f.Level = optional(p, e, "has", ParseLevel)
	for f.Subject = range p.each(e, "who") {
		for f.On = range p.targets(e) {
			p.add(e, f)
		}
	}
}

func (p *policyReader) fieldRule(e policyEntry) {
	f := FieldRule{Tenant: p.tenant, Effect: Allow, If: p.name(e, "if"), Valid: p.period(e)}
	has := p.either(e, "has", "below")
	if has == "below" {
		f.Effect = Deny
	}
	f.Level = optional(p, e, has, ParseFieldLevel)
	for f.Subject = range p.each(e, "who") {
		for f.On = range p.targets(e) {
			p.add(e, f)
		}
	}
}

func (p *policyReader) switches(e policyEntry) {
	f := Switch{Tenant: p.tenant, Mode: ModeOff, Valid: p.period(e)}
	if e.words["mode"] != nil {
		f.Mode = optional(p, e, "mode", ParseMode)
	}
	var except []string
	for _, n := range e.words["except"] {
		except = append(except, strings.Fields(n.Value)...)
		f.Except = scan(&p.YAMLReader, n, func(string) (Exceptions, error) {
			all, err := Except(except...)
			return all, unplaced(err)
		})
	}
	for f.Target = range p.each(e, "what") {
		p.add(e, f)
	}
}

func (p *policyReader) add(e policyEntry, f Fact) {
	if p.err != nil {
		return
	}
	l, err := Encode(f)
	if err != nil {
		at := e.nodeOf(err)
		p.err = &SourceError{at.Line, at.Column, err}
		return
	}
	if line, ok := p.seen[l]; ok {
		p.Fail(e.node, l.String(), fail(ErrMalformed, "the fact stands on line %d already", line))
		return
	}
	if len(p.facts) == MaxYAMLFacts {
		p.Fail(e.node, "", fail(ErrTooLong, "at most %d facts", MaxYAMLFacts))
		return
	}
	p.seen[l] = e.node.Line
	p.facts = append(p.facts, PlacedFact{f, e.node.Line, e.node.Column})
}

// nodeOf is where the value that was refused stands.
func (e policyEntry) nodeOf(err error) *yaml.Node {
	var refused *ValueError
	if errors.As(err, &refused) {
		for _, values := range e.words {
			for _, n := range values {
				if n.Value == refused.Value {
					return n
				}
			}
		}
	}
	return e.node
}

// FormatPolicy writes facts as ParsePolicy reads them, sorted, and gathered
// into lists where they differ in one word. A fact that occurs twice is written once.
func FormatPolicy(facts []Fact) ([]byte, error) {
	rows := make([]policyRow, 0, len(facts))
	for _, f := range facts {
		if _, err := Encode(f); err != nil {
			return nil, err
		}
		rows = append(rows, rowOf(f))
	}
	slices.SortFunc(rows, policyRow.compare)
	rows = slices.CompactFunc(rows, func(a, b policyRow) bool { return a.compare(b) == 0 })
	if len(rows) > MaxYAMLFacts {
		return nil, At("policy", "facts", strconv.Itoa(len(rows)), fail(ErrTooLong, "at most %d facts", MaxYAMLFacts))
	}
	text := formatRows(rows)
	if len(text) > MaxYAML {
		return nil, At("policy", "YAML", "", fail(ErrTooLong, "%d bytes; at most %d", len(text), MaxYAML))
	}
	return text, nil
}

// policyRow is a fact as an entry of a list.
type policyRow struct {
	tenant string
	list   int // in policyLists
	words  []wordValue
	many   int    // which of the words is gathered
	key    string // what rows must share to be gathered
}

type wordValue struct{ word, value string }

func (r policyRow) compare(o policyRow) int {
	return cmp.Or(
		cmp.Compare(r.tenant, o.tenant),
		cmp.Compare(r.list, o.list),
		cmp.Compare(r.key, o.key),
		cmp.Compare(r.words[r.many].value, o.words[o.many].value),
	)
}

func rowOf(f Fact) policyRow {
	r := policyRow{tenant: f.TenantID()}
	switch f := f.(type) {
	case Membership:
		r.list = 0
		r.add("who", f.Member).addMany("in", f.Group).addPeriod(f.Valid)
	case OrgEdge:
		r.list = 1
		r.addMany("who", f.Below).add("under", f.Above)
	case CustomerRule:
		r.list = 2
		may := "may"
		if f.Effect == Deny {
			may = "may not"
		}
		r.add("who", f.Subject).addMany(may, f.Action).add("on", f.On.String())
		if f.Scope != ScopeLevel {
			r.add("scope", f.Scope.String())
		}
		r.add("if", f.If).addPeriod(f.Valid)
	case TeamRule:
		r.list = 3
		r.add("who", f.Subject).add("has", f.Level.String()).addMany("on", f.On.String())
		r.add("as", f.As).add("if", f.If).addPeriod(f.Valid)
	case FieldRule:
		r.list = 4
		has := "has"
		if f.Effect == Deny {
			has = "below"
		}
		r.add("who", f.Subject).add(has, f.Level.String()).addMany("on", f.On.String())
		r.add("if", f.If).addPeriod(f.Valid)
	case Switch:
		r.list = 5
		r.addMany("what", f.Target)
		if f.Mode != ModeOff {
			r.add("mode", f.Mode.String())
		}
		r.add("except", string(f.Except)).addPeriod(f.Valid)
	}
	r.key = r.sharedKey()
	return r
}

func (r *policyRow) add(word, value string) *policyRow {
	if value != "" {
		r.words = append(r.words, wordValue{word, value})
	}
	return r
}

func (r *policyRow) addMany(word, value string) *policyRow {
	r.many = len(r.words)
	return r.add(word, value)
}

func (r *policyRow) addPeriod(p Period) {
	r.add("from", formatTime(p.From)).add("until", formatTime(p.Until))
}

func (r *policyRow) sharedKey() string {
	var key strings.Builder
	for i, w := range r.words {
		key.WriteString(w.word)
		if i != r.many {
			key.WriteByte(' ')
			key.WriteString(w.value)
		}
		key.WriteByte('\n') // no value holds one
	}
	return key.String()
}

// formatRows writes sorted rows. It does without the YAML library, which
// quotes every id in an entry of one line.
func formatRows(rows []policyRow) []byte {
	if len(rows) == 0 {
		return []byte("{}\n")
	}
	var out strings.Builder
	tenant, list := "", -1
	for len(rows) > 0 {
		if r := rows[0]; r.tenant != tenant {
			out.WriteString(quoteYAML(r.tenant) + ":\n")
			tenant, list = r.tenant, -1
		}
		if r := rows[0]; r.list != list {
			out.WriteString("  " + policyLists[r.list].name + ":\n")
			list = r.list
		}
		n := 1
		for n < len(rows) && rows[n].tenant == tenant && rows[n].list == list && rows[n].key == rows[0].key {
			n++
		}
		writeEntry(&out, rows[:n])
		rows = rows[n:]
	}
	return []byte(out.String())
}

// writeEntry writes rows that share their key, in one line if that is not long.
func writeEntry(out *strings.Builder, rows []policyRow) {
	const limit = 100
	var many []string
	for _, r := range rows {
		many = append(many, quoteYAML(r.words[r.many].value))
	}
	var words []string
	for i, w := range rows[0].words {
		value := w.value
		switch {
		case i == rows[0].many && len(many) > 1:
			value = "[" + strings.Join(many, ", ") + "]"
		case w.word != "from" && w.word != "until":
			value = quoteYAML(value)
		}
		words = append(words, w.word+": "+value)
	}
	if line := strings.Join(words, ", "); utf8.RuneCountInString(line) <= limit {
		out.WriteString("    - {" + line + "}\n")
		return
	}
	if i := rows[0].many; utf8.RuneCountInString(words[i]) > limit {
		words[i] = rows[0].words[i].word + ":\n        - " + strings.Join(many, "\n        - ")
	}
	out.WriteString("    - " + strings.Join(words, "\n      ") + "\n")
}

// quoteYAML quotes the value of a column if YAML, or one of its versions, would
// not take it for plain text. No column has a quote or a control character.
func quoteYAML(s string) string {
	first, _ := utf8.DecodeRuneInString(s)
	plain := unicode.IsLetter(first) && !strings.HasSuffix(s, ":") && !strings.Contains(s, ": ")
	for _, r := range s {
		plain = plain && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune("_.:-/#@% ", r))
	}
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		plain = false
	}
	if plain {
		return s
	}
	return `"` + strings.ReplaceAll(s, `\`, `\\`) + `"`
}
