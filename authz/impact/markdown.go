package impact

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// Markdown is the impact as a comment on a pull request: the same for the same.
// What fields come or go with an action stands with the action.
func (i *Impact) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Who gains and who loses what in %s\n\n", code(i.Tenant))
	fmt.Fprintf(&b, "%s added, %s removed", counted(len(i.Added), "fact"), counted(len(i.Removed), "fact"))
	if i.SchemaChanged {
		b.WriteString(", and another schema")
	}
	fmt.Fprintf(&b, "; compared for %s and anyone else, at %s.\n", counted(i.People, "person"), i.At.UTC().Format(time.RFC3339))
	if i.Nothing() {
		b.WriteString("\nNobody gains or loses anything.\n")
	}
	table(&b, "Gains", i.Gains)
	table(&b, "Losses", i.Losses)
	i.records(&b)
	for _, n := range i.Networks {
		n.table(&b, "Asking from "+n.From.String(), "Not so from there")
	}
	for _, l := range i.Later {
		l.table(&b, "From "+l.At.UTC().Format(time.RFC3339)+" on", "No longer so")
	}
	return b.String()
}

// records writes the records of which somebody gains or loses something, as far as there is room.
func (i *Impact) records(b *strings.Builder) {
	if i.OfRecords == 0 {
		return
	}
	fmt.Fprintf(b, "\n#### Records\n\nOf %s asked about, %d.\n", counted(i.OfRecords, "record"), len(i.Records))
	if len(i.Records) > 0 {
		b.WriteString("\n| record | gains | losses |\n|---|---|---|\n")
	}
	for n, r := range i.Records {
		line := fmt.Sprintf("| %s | %s | %s |\n", code(r.Type+"/"+r.ID), lines(r.Gains), lines(r.Losses))
		if b.Len()+len(line) > maxMarkdown {
			fmt.Fprintf(b, "\nand %d more.\n", len(i.Records)-n)
			return
		}
		b.WriteString(line)
	}
}

// lines is differences in a cell of a table.
func lines(all []Difference) string {
	texts := make([]string, len(all))
	for i, d := range all {
		texts[i] = d.who() + ": " + escaped(d.what())
	}
	return strings.Join(texts, "<br>")
}

func (v Variation) table(b *strings.Builder, title, over string) {
	fmt.Fprintf(b, "\n### %s\n", title)
	table(b, "Gains", v.Gains)
	table(b, "Losses", v.Losses)
	table(b, over, v.Over)
}

// maxMarkdown is how many bytes of tables there are at most: GitHub takes comments of
// 65,536 characters.
const maxMarkdown = 60_000

// table writes changes, those of most people first, as far as there is room.
func table(b *strings.Builder, title string, changes []Difference) {
	if len(changes) == 0 {
		return
	}
	fmt.Fprintf(b, "\n#### %s\n\n| who | what | where | because |\n|---|---|---|---|\n", title)
	rows := rowsOf(changes)
	for i, r := range rows {
		line := fmt.Sprintf("| %s | %s | %s | %s |\n", r.who, r.what(), escaped(r.where), r.because)
		if b.Len()+len(line) > maxMarkdown {
			fmt.Fprintf(b, "\nand %d more.\n", len(rows)-i)
			return
		}
		b.WriteString(line)
	}
}

// row is changes that differ in the action, or in fields, only.
type row struct {
	rowKey
	actions []string
	fields  []string // "name, phone: hidden → read"
}

type rowKey struct {
	people                             int
	typ, who, where, because, fieldsOf string
}

func rowsOf(changes []Difference) []row {
	fields := map[withAction][]Difference{} // of which the action may be changed, too
	acts := map[withAction]bool{}
	for _, c := range changes {
		if c.Fields == nil {
			acts[c.withAction()] = true
		} else if min(c.From, c.To) == model.FieldHidden {
			fields[c.withAction()] = append(fields[c.withAction()], c)
		}
	}
	var rows []row
	index := map[string]int{}
	add := func(key rowKey, action string, fields []string) {
		i, ok := index[fmt.Sprint(key, fields)]
		if !ok {
			i = len(rows)
			index[fmt.Sprint(key, fields)] = i
			rows = append(rows, row{rowKey: key, fields: fields})
		}
		rows[i].actions = append(rows[i].actions, action)
	}
	for _, c := range changes {
		key := rowKey{len(c.People), c.Type, c.who(), c.Where.String(), c.because(), ""}
		switch {
		case c.Fields == nil:
			var with []string
			for _, o := range fields[c.withAction()] {
				with = append(with, o.levels())
			}
			add(key, c.Action, with)
		case min(c.From, c.To) > model.FieldHidden || !acts[c.withAction()]:
			key.fieldsOf = c.Action
			add(key, c.Action, []string{c.levels()})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return -cmp.Compare(a.people, b.people) })
	return rows
}

// withAction is what an action and fields that come or go with it have in common.
type withAction struct {
	typ, action, where, people string
	gain                       bool
}

func (d Difference) withAction() withAction {
	return withAction{d.Type, d.Action, d.Where.Key(), strings.Join(d.People, "\n"), d.Gain()}
}

// levels is how fields change: "name, phone: hidden → read".
func (d Difference) levels() string {
	names := make([]string, len(d.Fields))
	for i, f := range d.Fields {
		names[i] = code(f)
	}
	return fmt.Sprintf("%s: %s → %s", strings.Join(names, ", "), d.From, d.To)
}

func (r row) what() string {
	actions := make([]string, len(r.actions))
	for i, a := range r.actions {
		actions[i] = code(a)
	}
	s := strings.Join(actions, ", ") + " " + code(r.typ)
	if len(r.fields) == 0 {
		return s
	}
	with := " with "
	if r.fieldsOf != "" {
		with = ", fields "
	}
	return s + with + strings.Join(r.fields, "; ")
}

// who are the people, by their group if there are several.
func (d Difference) who() string {
	const most = 3
	n := len(d.People)
	if n <= most {
		names := make([]string, n)
		for i, p := range d.People {
			names[i] = escaped(p)
		}
		return strings.Join(names, ", ")
	}
	switch {
	case d.Group == "":
		return fmt.Sprintf("%d people: %s, %s and %d more", n, escaped(d.People[0]), escaped(d.People[1]), n-2)
	case n == d.Of:
		return fmt.Sprintf("all %d people of %s", n, escaped(d.Group))
	}
	return fmt.Sprintf("%d of the %d people of %s", n, d.Of, escaped(d.Group))
}

func (d Difference) because() string {
	const most = 3
	if len(d.Because) == 0 {
		return "the schema"
	}
	var lines []string
	for _, f := range d.Because[:min(most, len(d.Because))] {
		lines = append(lines, code(f.String()))
	}
	if rest := len(d.Because) - most; rest > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", rest))
	}
	return strings.Join(lines, "<br>")
}

func counted(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case what == "person":
		return fmt.Sprintf("%d people", n)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// code is text as code in a table. No fact has a control character; a backtick, or a bar,
// it may have.
func code(s string) string {
	s = strings.ReplaceAll(s, "|", `\|`)
	if !strings.Contains(s, "`") {
		return "`" + s + "`"
	}
	return "`` " + s + " ``"
}

var markdown = strings.NewReplacer("|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", "[", `\[`)

func escaped(s string) string { return markdown.Replace(s) }
