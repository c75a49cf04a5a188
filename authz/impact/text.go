package impact

import (
	"fmt"
	"strings"
	"time"
)

// Marks are what stands before gains and before losses in a text.
type Marks struct{ Gain, Loss string }

// String is the impact in lines for people: all of it.
func (i *Impact) String() string { return i.Text(Marks{"+", "-"}) }

// Text is String with other marks.
func (i *Impact) Text(m Marks) string {
	t := text{marks: m}
	t.printf("%s: %s added, %d removed", i.Tenant, counted(len(i.Added), "fact"), len(i.Removed))
	if i.SchemaChanged {
		t.printf(", another schema")
	}
	t.printf("; compared for %s and anyone else, at %s\n", counted(i.People, "person"), i.At.Format(time.RFC3339))
	t.differences(m.Gain, i.Gains)
	t.differences(m.Loss, i.Losses)
	for _, v := range i.Later {
		t.printf("from %s on\n", v.At.Format(time.RFC3339))
		t.variation(v, "no longer")
	}
	for _, v := range i.Networks {
		t.printf("asked from an address such as %s, at %s\n", v.From, v.At.Format(time.RFC3339))
		t.variation(v, "not so")
	}
	if i.Nothing() {
		t.printf("  Nobody gains or loses anything.\n")
	}
	if i.OfRecords > 0 {
		t.printf("of %s asked about, %d\n", counted(i.OfRecords, "record"), len(i.Records))
	}
	for _, r := range i.Records {
		t.printf("  %s/%s\n", r.Type, r.ID)
		t.onRecord(m.Gain, r.Gains)
		t.onRecord(m.Loss, r.Losses)
	}
	return t.String()
}

type text struct {
	strings.Builder
	marks Marks
}

func (t *text) printf(format string, args ...any) { fmt.Fprintf(t, format, args...) } //nolint:errcheck // a Builder does not fail

func (t *text) variation(v Variation, over string) {
	t.differences(t.marks.Gain, v.Gains)
	t.differences(t.marks.Loss, v.Losses)
	t.differences(over, v.Over)
}

func (t *text) differences(mark string, all []Difference) {
	for _, d := range all {
		t.printf("  %s %s: %s\n", mark, d.names(), d.what())
		t.printf("      where    %s\n", d.Where)
		head := "because"
		for _, f := range d.Because {
			t.printf("      %-8s %s\n", head, f)
			head = ""
		}
	}
}

func (t *text) onRecord(mark string, all []Difference) {
	for _, d := range all {
		t.printf("    %s %s: %s\n", mark, d.names(), d.what())
	}
}

// what is the action, the type and the fields.
func (d Difference) what() string {
	s := d.Action + " " + d.Type
	if len(d.Fields) > 0 {
		s += fmt.Sprintf("#%s (%s → %s)", strings.Join(d.Fields, ", #"), d.From, d.To)
	}
	return s
}

// names are the people, of many the first.
func (d Difference) names() string {
	const most = 5
	names := strings.Join(d.People[:min(most, len(d.People))], ", ")
	if rest := len(d.People) - most; rest > 0 {
		names += fmt.Sprintf(" and %d more", rest)
	}
	if d.Group != "" && len(d.People) > 1 {
		names += fmt.Sprintf(" (%d of the %d in %s)", len(d.People), d.Of, d.Group)
	}
	return names
}
