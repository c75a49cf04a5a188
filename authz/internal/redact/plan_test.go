package redact

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

type planBase struct {
	ID      int `json:"id"`
	Created time.Time
	_       string
}

type PlanAudit struct {
	By   string `json:"by"`
	Note string `gorm:"type:text;column:audit_note"`
}

type planLoop struct {
	*planLoop //nolint:unused // it is there to be met
	*PlanMirror
	Name string `json:"name"`
}

type PlanMirror struct {
	*PlanMirror
	planBase
	Name string `json:"name"`
}

type planRecord struct {
	planBase
	*PlanAudit
	time.Time
	Phone   string  `json:"phone,omitempty" authz:"telephone"`
	Never   string  `json:"never" authz:"-"`
	Column  string  `json:"-" gorm:"COLUMN: col ; size:10"`
	Dash    string  `json:"-,"`
	Odd     string  `json:"a'b"` //nolint:staticcheck // encoding/json ignores it, and so must plans
	Count   int     `json:"count,omitzero,string"`
	Names   *string `json:",string"`
	List    []int   `json:"list,string"` //nolint:staticcheck // it must not be quoted
	City    string  `json:"city" gorm:"column:town"`
	_       string
	Address struct {
		Street string `json:"street"`
	} `json:"address"`
}

// memberText is a member as the tests write it.
func memberText(m member) string {
	options := ""
	for _, o := range []struct {
		set  bool
		text string
	}{{m.omitEmpty, " empty"}, {m.omitZero, " zero"}, {m.quoted, " string"}} {
		if o.set {
			options += o.text
		}
	}
	return fmt.Sprintf("%v %q %q %d%s", m.index, m.name, m.json, m.at.field, options)
}

func memberTexts(members []member) []string {
	var texts []string
	for _, m := range members {
		texts = append(texts, memberText(m))
	}
	return texts
}

func checkTexts(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestPlanNamesFieldsForSchemaAndJSON(t *testing.T) {
	s := NewShape([]Field{{Name: "id"}, {Name: "telephone"}, {Name: "col"}, {Name: "audit_note"}, {Name: "address.street"}, {Name: "city"}})
	p := s.plan(reflect.TypeFor[planRecord](), s.root)
	checkTexts(t, "fields", memberTexts(p.fields),
		`[0 0] "id" "id" 0`,
		`[0 1] "" "Created" -1`,
		`[1 0] "by" "by" -1`,
		`[1 1] "audit_note" "Note" 3`,
		`[2] "" "" -1`,
		`[3] "telephone" "phone" 1 empty`,
		`[4] "" "never" -1`,
		`[5] "col" "" 2`,
		`[6] "" "-" -1`,
		`[7] "" "Odd" -1`,
		`[8] "count" "count" -1 zero string`,
		`[9] "" "Names" -1 string`,
		`[10] "list" "list" -1`,
		`[11] "city" "city" 5`,
		`[13] "address" "address" -1`,
	)
	if got := len(p.encoded); got != 13 {
		t.Errorf("%d fields are in JSON, want all but Time and Column", got)
	}
	address := s.plan(reflect.TypeFor[planRecord]().Field(13).Type, s.root.at("address"))
	checkTexts(t, "below address", memberTexts(address.fields), `[0] "street" "street" 4`)
	if p != s.plan(reflect.TypeFor[planRecord](), s.root) {
		t.Error("the plan is made twice")
	}
}

func TestPlanOfTypesThatEmbedThemselvesEnds(t *testing.T) {
	s := NewShape([]Field{{Name: "name"}, {Name: "id"}})
	p := s.plan(reflect.TypeFor[planLoop](), s.root)
	checkTexts(t, "fields", memberTexts(p.fields),
		`[1 0] "" "" -1`, // PlanMirror in itself is hidden
		`[1 1 0] "id" "id" 1`,
		`[1 1 1] "" "Created" -1`,
		`[1 2] "name" "name" 0`,
		`[2] "name" "name" 0`,
	)
	checkTexts(t, "encoded", memberTexts(p.encoded),
		`[1 1 0] "id" "id" 1`, `[1 1 1] "" "Created" -1`, `[2] "name" "name" 0`)
}

func TestPlanOfEmbeddedStructsThatHaveNames(t *testing.T) {
	type named struct {
		PlanAudit `json:"audit"`
	}
	type governed struct {
		PlanAudit `authz:"audit"`
	}
	type withheld struct {
		PlanAudit `authz:"-"`
	}
	for _, test := range []struct {
		typ             reflect.Type
		fields, encoded []string
	}{
		{reflect.TypeFor[named](), []string{`[0] "audit" "audit" 0`}, []string{`[0] "audit" "audit" 0`}},
		{reflect.TypeFor[governed](), []string{`[0] "audit" "" 0`}, []string{`[0 0] "by" "by" 0`, `[0 1] "audit_note" "Note" 0`}},
		{reflect.TypeFor[withheld](), []string{`[0] "" "" -1`}, []string{`[0 0] "by" "by" -1`, `[0 1] "audit_note" "Note" -1`}},
	} {
		s := NewShape([]Field{{Name: "audit"}, {Name: "by"}})
		p := s.plan(test.typ, s.root)
		checkTexts(t, test.typ.String()+" fields", memberTexts(p.fields), test.fields...)
		checkTexts(t, test.typ.String()+" encoded", memberTexts(p.encoded), test.encoded...)
	}
}

func TestPlanChoosesAmongEqualNamesAsJSONDoes(t *testing.T) {
	type A struct {
		X string
		Y string
		Z string
	}
	type B struct {
		X string
		Y string `json:"Y"`
		Z string
	}
	type both struct {
		A
		B
		Z string
	}
	s := NewShape([]Field{{Name: "x"}})
	p := s.plan(reflect.TypeFor[both](), s.root)
	checkTexts(t, "encoded", memberTexts(p.encoded), `[1 1] "Y" "Y" -1`, `[2] "" "Z" -1`)
	if len(p.fields) != 7 {
		t.Errorf("%d fields, want all 7, as Go has them", len(p.fields))
	}
}
