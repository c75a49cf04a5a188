package doctor

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/source"
	"github.com/crmauthz/crmauthz/model"
)

// shape looks at how many values a row has, and keeps those rows that Casbin loads.
func (e *examination) shape(r source.Row) {
	if r.Err != nil {
		e.row("row-unreadable", r, r.Err.Error())
		return
	}
	if r.Null {
		e.row("value-null", r, "")
	}
	if r.Ptype == "" && strings.Join(r.Values, "") == "" {
		e.row("row-empty", r, "")
		return
	}
	columns, known := e.model.columns(r.Ptype)
	want, got := len(columns), len(r.Values)
	most := want + e.model.conditions(r.Ptype)
	switch {
	case !known && slices.Contains([]string{"r", "e", "m"}, r.Ptype[:min(1, len(r.Ptype))]) && e.model.value(r.Ptype[:1], r.Ptype) != "":
		e.row("ptype-unknown", r, fmt.Sprintf("%q is no section of rules: Casbin loads the row and ignores it", r.Ptype))
		return
	case !known:
		e.row("ptype-unknown", r, fmt.Sprintf("the model has no section %q", r.Ptype))
		return
	case got < want:
		e.row("row-short", r, fmt.Sprintf("%d values of %d", got, want))
		return
	case got > want && r.Ptype[0] == 'p':
		e.row("row-long", r, fmt.Sprintf("%d values instead of %d", got, want))
		return
	case got > most && !e.model.Own:
		e.row("role-extra", r, fmt.Sprintf("%q", strings.Join(r.Values[most:], ", ")))
	}
	e.rows = append(e.rows, r)
}

// values looks at each value of a row by itself.
func (e *examination) values(r source.Row) {
	if i := e.model.column(r.Ptype, "eft"); i >= 0 && r.Ptype[0] == 'p' {
		if v := r.Values[i]; v != "allow" && v != "deny" {
			e.row("effect-unknown", r, fmt.Sprintf("%q", v))
		}
	}
	domain := e.model.domain(r.Ptype)
	for i, v := range r.Values {
		switch {
		case v == "" && i == len(r.Values)-1:
			e.row("value-empty-last", r, "value "+e.nameOf(r, i))
		case v == "" && i == domain:
			e.row("domain-empty", r, "")
		case v == "" && !slices.Contains([]string{"eft", "priority"}, e.nameOf(r, i)):
			e.row("value-empty", r, "value "+e.nameOf(r, i))
		}
		e.characters(r, v)
		e.length(r, i, v)
	}
}

// nameOf is the name of a row's column, or its number if it has none.
func (e *examination) nameOf(r source.Row, i int) string {
	if columns, _ := e.model.columns(r.Ptype); i < len(columns) && columns[i] != "_" {
		return columns[i]
	}
	return fmt.Sprint(i + 1)
}

func (e *examination) characters(r source.Row, v string) {
	if strings.Contains(v, ",") {
		e.row("value-comma", r, fmt.Sprintf("%q", v))
	}
	if strings.Contains(v, "$$") {
		e.row("value-dollars", r, fmt.Sprintf("%q", v))
	}
	if strings.Contains(v, `"`) {
		e.row("value-quote", r, fmt.Sprintf("%q", v))
	}
	if strings.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) {
		e.row("value-control", r, fmt.Sprintf("%q", v))
	} else if v != strings.TrimSpace(v) {
		e.row("value-padded", r, fmt.Sprintf("%q", v))
	}
}

func (e *examination) length(r source.Row, i int, v string) {
	n := utf8.RuneCountInString(v)
	if n > model.MaxColumn {
		e.row("value-long", r, fmt.Sprintf("%d characters", n))
	}
	if e.table != nil && e.table.Cuts && i+1 < len(e.table.Columns) {
		if width := e.table.Columns[i+1].Width; width > 0 && n == width {
			e.row("value-cut", r, fmt.Sprintf("%d characters, as many as column %s holds", n, e.table.Columns[i+1].Name))
		}
	}
}

// duplicates looks for rows that are the same, and for those that Casbin takes for the same.
func (e *examination) duplicates(rows []source.Row) {
	const apart = "\x00" // joins values so that no two rows are alike
	same := map[string]int64{}
	joined := map[string]source.Row{}
	for _, r := range rows {
		if r.Err != nil || r.Ptype == "" {
			continue
		}
		values := append([]string{r.Ptype}, r.Values...)
		exact := strings.Join(values, apart)
		if at, ok := same[exact]; ok {
			e.row("rows-duplicate", r, fmt.Sprintf("as row %d", at))
			continue
		}
		same[exact] = r.Number
		key := strings.Join(values, ",")
		if other, ok := joined[key]; ok {
			e.row("rows-confused", r, fmt.Sprintf("as row %d", other.Number))
			continue
		}
		joined[key] = r
	}
}

// lines looks for rows that crmauthz would refuse.
func (e *examination) lines(rows []source.Row) {
	for _, r := range rows {
		if _, err := r.Line(); err != nil {
			e.row("line-refused", r, err.Error())
		}
	}
}
