package authz_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// person is a record of these tests as a CRM keeps it.
type person struct {
	Name    string    `json:"name"`
	Phone   string    `json:"phone,omitempty"`
	Salary  int       `gorm:"column:salary" json:"-"`
	Source  string    `json:"source,omitempty"`
	Born    time.Time `authz:"birthday" json:"born,omitzero"`
	Address struct {
		City   string `json:"city"`
		Street string `json:"street,omitempty"`
	} `json:"address"`
	Scratch string
}

const personSchema = `
types:
  person:
    actions: {read: read, export: read, reveal: read, create: write, update: write}
    fields:
      name: open
      phone: {default: masked, mask: last4}
      salary: closed
      source: {default: read, once: true}
      birthday: {default: masked, mask: decade, queryable: true}
      address.city: open
      address.street: closed
    attributes: {vip: bool}
conditions:
  revealing: action == "reveal"
  exporting: action == "export"
  vip: record.vip
`

// Rita and Abel are reps; Abel may look at phone numbers, Pam does the payroll.
const personPolicy = `
acme:
  members:
    - {who: [user:rita, user:abel, user:pam], in: role:rep}
    - {who: user:abel, in: role:agent}
    - {who: user:pam, in: role:payroll}
  rules:
    - {who: role:rep, may: [read, export, create, update], on: person, scope: all}
    - {who: role:agent, may: reveal, on: person, scope: all}
  fields:
    - {who: role:rep, below: masked, on: person#phone, if: exporting}
    - {who: role:agent, has: read, on: person#phone, if: revealing}
    - {who: role:payroll, has: write, on: person#salary}
    - {who: role:payroll, below: write, on: person/7#salary}
`

var decade = authz.WithMask("decade", func(v any) any {
	born := v.(time.Time)
	return born.AddDate(-born.Year()%10, 1-int(born.Month()), 1-born.Day())
})

func openPersons(t testing.TB, policy string, options ...authz.Option) *authz.Authorizer {
	t.Helper()
	schema, err := model.ParseSchema([]byte(personSchema))
	if err != nil {
		t.Fatal(err)
	}
	az, err := authz.Open(t.Context(), schema, storeOf(policy), append([]authz.Option{decade}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { az.Close() })
	return az
}

func ann() person {
	p := person{Name: "Ann", Phone: "+44 20 7946 0958", Salary: 51_000, Source: "fair", Born: time.Date(1987, 5, 3, 0, 0, 0, 0, time.UTC), Scratch: "call her back"}
	p.Address.City, p.Address.Street = "Leeds", "4 Mill Lane"
	return p
}

func personRecord(id string) *authz.Record { return &authz.Record{Type: "person", ID: id} }

func fieldsOf(t testing.TB, az *authz.Authorizer, user, action, id string) authz.Fields {
	t.Helper()
	f, err := az.Fields(t.Context(), authz.Request{Tenant: "acme", User: user, Action: action, Record: personRecord(id)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wantJSON(t *testing.T, value any, want string) {
	t.Helper()
	got, err := json.Marshal(value)
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestFieldsAreTheLevelsOfAllFieldsOfARecord(t *testing.T) {
	az := openPersons(t, personPolicy)
	for _, c := range []struct {
		user, action, id string
		want             string // levels in the order of names
	}{
		{"user:rita", "read", "1", "read hidden masked read masked hidden read"},
		{"user:rita", "update", "1", "write hidden masked write masked hidden read"},
		{"user:rita", "export", "1", "read hidden masked read hidden hidden read"},
		{"user:abel", "reveal", "1", "read hidden masked read read hidden read"},
		{"user:pam", "update", "1", "write hidden masked write masked write read"},
		{"user:pam", "update", "7", "write hidden masked write masked read read"},
		{"user:eve", "read", "1", "hidden hidden hidden hidden hidden hidden hidden"},
	} {
		var got []string
		for name, l := range fieldsOf(t, az, c.user, c.action, c.id).All() {
			got = append(got, l.String())
			alone, err := az.FieldLevel(t.Context(), authz.Request{Tenant: "acme", User: c.user, Action: c.action, Record: personRecord(c.id)}, name)
			if err != nil || alone != l {
				t.Errorf("%s %s %s: all fields together say %s, one alone %s, %v", c.user, c.action, name, l, alone, err)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s %s %s:\ngot  %s\nwant %s", c.user, c.action, c.id, s, c.want)
		}
	}
}

// A viewer of a page looks at the rules once, and again where a record or action differs.
func TestViewerFieldsFollowRecordAndAction(t *testing.T) {
	az := openPersons(t, personPolicy+"    - {who: role:rep, has: read, on: person#address.street, if: vip}\n")
	for _, user := range []string{"user:rita", "user:pam", "user:eve"} {
		v, err := az.For(t.Context(), "acme", user)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range []string{"read", "update", "read", "export", "export"} {
			for _, r := range []*authz.Record{personRecord("1"), personRecord("7"), {Type: "person", ID: "2", Attrs: map[string]any{"vip": true}}, personRecord("3")} {
				got, err := v.Fields(action, r)
				if err != nil {
					t.Fatal(err)
				}
				for name, l := range got.All() {
					want, err := az.FieldLevel(t.Context(), authz.Request{Tenant: "acme", User: user, Action: action, Record: r}, name)
					if err != nil || l != want {
						t.Errorf("%s %s %s/%s: %s, want %s, %v", user, action, r.ID, name, l, want, err)
					}
				}
			}
		}
	}
}

// The decisions on the fields of a page's records allocate nothing, also where they
// are denied.
func TestViewerFieldsAllocateNothing(t *testing.T) {
	plain := strings.NewReplacer( // a condition, and rules on single records, are judged for each record
		"    - {who: role:payroll, below: write, on: person/7#salary}\n", "", "    - {who: role:rep, below: masked, on: person#phone, if: exporting}\n", "")
	az := openPersons(t, plain.Replace(personPolicy))
	for _, user := range []string{"user:pam", "user:eve"} {
		v, err := az.For(t.Context(), "acme", user)
		check(t, err)
		records := []*authz.Record{personRecord("1"), personRecord("2"), personRecord("3")}
		readable := 0
		if n := testing.AllocsPerRun(100, func() {
			for _, r := range records {
				f, err := v.Fields("update", r)
				if err != nil {
					t.Fatal(err)
				}
				for _, level := range f.All() {
					if level >= model.FieldRead {
						readable++
					}
				}
				if f.Writable("name") {
					readable++
				}
			}
		}); n != 0 || (readable > 0) != (user == "user:pam") {
			t.Errorf("%s: %v allocations, %d readable", user, n, readable)
		}
	}
}

func TestFieldsOfATypeAndErrors(t *testing.T) {
	az := openPersons(t, personPolicy)
	v, err := az.For(t.Context(), "acme", "user:pam")
	if err != nil {
		t.Fatal(err)
	}
	f, err := v.FieldsOfType("update", "person")
	if err != nil || !f.Writable("salary") || f.Writable("source") || !f.Readable("source") || !f.Masked("phone") || f.Readable("phone") || f.Level("shoe_size") != model.FieldHidden {
		t.Errorf("fields of the type: %v", err)
	}
	if _, err := v.Fields("fly", personRecord("1")); !errors.Is(err, model.ErrUnknownAction) {
		t.Errorf("an unknown action: %v", err)
	}
	if _, err := v.Fields("read", nil); !errors.Is(err, model.ErrNoFacts) {
		t.Errorf("no record: %v", err)
	}
	if _, err := (&authz.Viewer{}).FieldsOfType("read", "person"); !errors.Is(err, authz.ErrUnavailable) {
		t.Errorf("the zero viewer: %v", err)
	}
	if f, err := az.Fields(t.Context(), authz.Request{Tenant: "acme", User: "user:pam", Action: "fly", Type: "person"}); !errors.Is(err, model.ErrUnknownAction) || f.Readable("name") {
		t.Errorf("an unknown action: %v", err)
	}
	check(t, az.Close())
	if _, err := v.Fields("read", personRecord("1")); !errors.Is(err, authz.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestZeroFieldsShowNothingAndRefuseEverything(t *testing.T) {
	var f authz.Fields
	p := ann()
	if got, err := authz.Redact(f, p); err != nil || got != (person{}) {
		t.Errorf("Redact: %+v, %v", got, err)
	}
	if got, err := f.JSON(p); err != nil || string(got) != "null" {
		t.Errorf("JSON: %s, %v", got, err)
	}
	emptied := ann()
	if err := f.RedactInPlace(&emptied); err != nil || emptied != (person{}) {
		t.Errorf("RedactInPlace: %+v, %v", emptied, err)
	}
	var out bytes.Buffer
	if err := f.RedactStream(t.Context(), &out, strings.NewReader(`{"name":"Ann"}`)); err == nil || out.Len() > 0 {
		t.Errorf("RedactStream: %s, %v", &out, err)
	}
	for name, err := range map[string]error{
		"CheckWrite": f.CheckWrite(ann(), p), "CheckPatch": f.CheckPatch(nil), "CheckCreate": f.CheckCreate(p), "CheckQuery": f.CheckQuery(authz.FieldQuery{Sort: []string{"name"}}),
	} {
		if !errors.Is(err, authz.ErrFields) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name := range f.All() {
		t.Errorf("there is a field %s", name)
	}
}

func TestRedactShowsAPersonAsEachSeesHer(t *testing.T) {
	az := openPersons(t, personPolicy)
	for _, c := range []struct{ user, action, want string }{
		{"user:rita", "read", `{"name":"Ann","phone":"****0958","source":"fair","born":"1980-01-01T00:00:00Z","address":{"city":"Leeds"}}`},
		{"user:rita", "export", `{"name":"Ann","source":"fair","born":"1980-01-01T00:00:00Z","address":{"city":"Leeds"}}`},
		{"user:abel", "reveal", `{"name":"Ann","phone":"+44 20 7946 0958","source":"fair","born":"1980-01-01T00:00:00Z","address":{"city":"Leeds"}}`},
	} {
		f := fieldsOf(t, az, c.user, c.action, "1")
		got, err := f.JSON(ann())
		if err != nil || string(got) != c.want {
			t.Errorf("%s %s:\ngot  %s, %v\nwant %s", c.user, c.action, got, err, c.want)
		}
		whole, err := json.Marshal(ann())
		check(t, err)
		raw := strings.Replace(string(whole), `"born"`, `"birthday"`, 1) // JSON has no tags: its names are the schema's
		var out bytes.Buffer
		check(t, f.RedactStream(t.Context(), &out, strings.NewReader(raw)))
		if strings.Contains(out.String(), "Mill") || strings.Contains(out.String(), "call her") || !strings.Contains(out.String(), `"city":"Leeds"`) {
			t.Errorf("%s %s: the stream has %s", c.user, c.action, &out)
		}
	}
	pam := fieldsOf(t, az, "user:pam", "read", "1")
	before := ann()
	got, err := authz.Redact(pam, &before)
	check(t, err)
	want := ann()
	want.Phone, want.Born, want.Address.Street, want.Scratch = "****0958", time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), "", ""
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(ann(), before); diff != "" {
		t.Errorf("Redact changed its input (-want +got)\n%s", diff)
	}
	check(t, pam.RedactInPlace(&before))
	if diff := cmp.Diff(want, before); diff != "" {
		t.Errorf("in place (-want +got)\n%s", diff)
	}
	page, err := authz.Redact(pam, []map[string]any{{"name": "Ann", "phone": "0123456789", "secret": 1}, nil})
	check(t, err)
	wantJSON(t, page, `[{"name":"Ann","phone":"****6789"},null]`)
	if _, err := authz.Redact(pam, "Ann"); !errors.Is(err, authz.ErrShape) {
		t.Errorf("a text: %v", err)
	}
}

func wantRefused(t *testing.T, what string, err error, fields ...string) {
	t.Helper()
	if len(fields) == 0 {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	refused, ok := errors.AsType[*authz.FieldsError](err)
	if !ok || !errors.Is(err, authz.ErrFields) {
		t.Errorf("%s: %v; want a FieldsError of %v", what, err, fields)
		return
	}
	if diff := cmp.Diff(fields, refused.Fields); diff != "" {
		t.Errorf("%s (-want +got)\n%s", what, diff)
	}
}

func TestCheckWriteAcceptsOnlyWritableChanges(t *testing.T) {
	az := openPersons(t, personPolicy)
	rita, pam := fieldsOf(t, az, "user:rita", "update", "1"), fieldsOf(t, az, "user:pam", "update", "1")
	wantRefused(t, "nothing", rita.CheckWrite(ann(), ann()))
	after := ann()
	after.Name, after.Address.City = "Anna", "York"
	wantRefused(t, "open fields", rita.CheckWrite(ann(), &after))
	after.Phone, after.Salary, after.Source, after.Scratch, after.Address.Street = "****0958", 1, "web", "", "5 Mill Lane"
	wantRefused(t, "closed fields", rita.CheckWrite(ann(), after), "Scratch", "address.street", "phone", "salary", "source")
	wantRefused(t, "payroll", pam.CheckWrite(ann(), after), "Scratch", "address.street", "phone", "source")
	wantRefused(t, "a map", rita.CheckWrite(map[string]any{"name": "Ann"}, map[string]any{"name": "Anna", "shoe_size": 4}), "shoe_size")
	wantRefused(t, "a patch", rita.CheckPatch(map[string]any{"name": "Anna", "salary": 51_000, "address": map[string]any{"street": "x", "city": "y"}}), "address.street", "salary")
	wantRefused(t, "a list", rita.CheckPatch(map[string]any{"address": []any{map[string]any{"city": "x"}}}), "address.street")
	wantRefused(t, "an empty patch", rita.CheckPatch(nil))
	wantRefused(t, "reading", fieldsOf(t, az, "user:rita", "read", "1").CheckPatch(map[string]any{"name": "Anna"}), "name")
	if err := rita.CheckWrite(ann(), 7); !errors.Is(err, authz.ErrShape) {
		t.Errorf("a number: %v", err)
	}
}

func TestCheckCreateLetsFieldsBeSetOnce(t *testing.T) {
	az := openPersons(t, personPolicy)
	f, err := az.Fields(t.Context(), authz.Request{Tenant: "acme", User: "user:rita", Action: "create", Type: "person"})
	check(t, err)
	wantRefused(t, "name and source", f.CheckCreate(person{Name: "Ann", Source: "fair"}))
	wantRefused(t, "all", f.CheckCreate(ann()), "Scratch", "address.street", "birthday", "phone", "salary")
	wantRefused(t, "a map", f.CheckCreate(map[string]any{"name": "Ann", "salary": 0}), "salary")
	wantRefused(t, "a stranger", fieldsOf(t, az, "user:eve", "create", "1").CheckCreate(person{Name: "Ann"}), "name")
}

func TestCheckQueryRefusesWhatMayNotBeRead(t *testing.T) {
	az := openPersons(t, personPolicy)
	f := fieldsOf(t, az, "user:rita", "read", "1")
	wantRefused(t, "open", f.CheckQuery(authz.FieldQuery{Sort: []string{"name"}, Filter: []string{"address.city"}}))
	wantRefused(t, "queryable", f.CheckQuery(authz.FieldQuery{Sort: []string{"birthday"}}))
	wantRefused(t, "nothing", f.CheckQuery(authz.FieldQuery{}))
	wantRefused(t, "all kinds", f.CheckQuery(authz.FieldQuery{Sort: []string{"salary", "name"}, Filter: []string{"phone"}, Group: []string{"address.street"}, Search: []string{"nonsense", "phone"}}),
		"address.street", "nonsense", "phone", "salary")
}

// auditLog keeps entries, or fails.
type auditLog struct {
	entries []authz.AuditEntry
	err     error
}

func (l *auditLog) Audit(_ context.Context, e authz.AuditEntry) error {
	l.entries = append(l.entries, e)
	return l.err
}

func TestRevealShowsOneFieldAndLeavesAnEntry(t *testing.T) {
	log := &auditLog{}
	now := authz.WithClock(func() time.Time { return monday })
	az := openPersons(t, personPolicy, authz.WithAudit(log), now)
	reveal := func(az *authz.Authorizer, user, action, field, reason string) (any, error) {
		return az.Reveal(t.Context(), authz.Request{Tenant: "acme", User: user, Action: action, Record: personRecord("1")}, field, reason, ann())
	}
	if got, err := reveal(az, "user:abel", "reveal", "phone", "ticket 7"); err != nil || got != "+44 20 7946 0958" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, c := range []struct {
		user, action, field, reason string
		want                        error
		logged                      bool
	}{
		{"user:abel", "reveal", "phone", "", authz.ErrNoReason, false},
		{"user:abel", "read", "phone", "ticket 7", authz.ErrDenied, true},
		{"user:abel", "reveal", "salary", "ticket 7", authz.ErrDenied, true},
		{"user:rita", "reveal", "phone", "ticket 7", authz.ErrDenied, true},
		{"user:abel", "reveal", "shoe_size", "ticket 7", model.ErrUnknownField, false},
		{"user:abel", "fly", "phone", "ticket 7", model.ErrUnknownAction, false},
	} {
		before := len(log.entries)
		got, err := reveal(az, c.user, c.action, c.field, c.reason)
		if got != nil || !errors.Is(err, c.want) || len(log.entries) > before != c.logged {
			t.Errorf("%+v: got %v, %v, and %d entries", c, got, err, len(log.entries)-before)
		}
	}
	want := authz.AuditEntry{At: monday, Tenant: "acme", User: "user:abel", Action: "reveal", Type: "person", ID: "1", Field: "phone",
		Reason: "ticket 7", Allowed: true, Revision: 1}
	if diff := cmp.Diff(want, log.entries[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want.Field, want.Allowed = "salary", false
	if diff := cmp.Diff(want, log.entries[2]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	log.err = errDisk
	if got, err := reveal(az, "user:abel", "reveal", "phone", "ticket 7"); got != nil || !errors.Is(err, errDisk) || !errors.Is(err, authz.ErrNoAudit) {
		t.Errorf("a log that fails: got %v, %v", got, err)
	}
	if got, err := reveal(openPersons(t, personPolicy), "user:abel", "reveal", "phone", "ticket 7"); got != nil || !errors.Is(err, authz.ErrNoAudit) {
		t.Errorf("no log: got %v, %v", got, err)
	}
}

// openNested opens a schema whose customers have fields below a field.
func openNested(t *testing.T, fields string, options ...authz.Option) *authz.Authorizer {
	t.Helper()
	schema, err := model.ParseSchema([]byte(`types: {customer: {actions: {read: read, update: write, create: write}, fields: ` + fields + `}}`))
	check(t, err)
	az, err := authz.Open(t.Context(), schema, storeOf(`acme: {rules: [{who: "*", may: "*", on: customer, scope: all}]}`), options...)
	check(t, err)
	t.Cleanup(func() { az.Close() })
	return az
}

func askNested(action string) authz.Request {
	return authz.Request{Tenant: "acme", User: "user:bob", Action: action, Record: &authz.Record{Type: "customer", ID: "42"}}
}

func TestRevealHidesWhatIsHiddenBelowAField(t *testing.T) {
	az := openNested(t, `{address: read, address.iban: closed, address.phone: {default: masked, mask: last4}}`, authz.WithAudit(&auditLog{}))
	const text = `{"city":"Leeds","iban":"FR1","phone":"0123456789"}`
	for _, address := range []any{json.RawMessage(text), map[string]any{"city": "Leeds", "iban": "FR1", "phone": "0123456789"}} {
		got, err := az.Reveal(t.Context(), askNested("read"), "address", "ticket 7", map[string]any{"address": address})
		check(t, err)
		wantJSON(t, got, `{"city":"Leeds","phone":"****6789"}`)
	}
}

func TestCheckQueryRefusesWhatHidesSomethingBelow(t *testing.T) {
	az := openNested(t, `{address: read, address.iban: closed, home: read, home.zip: {default: masked, mask: first2, queryable: true}}`)
	f, err := az.Fields(t.Context(), askNested("read"))
	check(t, err)
	wantRefused(t, "below", f.CheckQuery(authz.FieldQuery{Sort: []string{"address", "home", "home.zip"}}), "address")
	wantRefused(t, "beside", f.CheckQuery(authz.FieldQuery{Sort: []string{"address.city"}, Filter: []string{"address.iban.bank", "nonsense.x"}}), "address.iban.bank", "nonsense.x")
}

func TestViewTellsAPageWhatToLock(t *testing.T) {
	az := openPersons(t, personPolicy)
	v, err := az.For(t.Context(), "acme", "user:rita")
	check(t, err)
	got, err := v.View("read", "update", personRecord("1"), ann())
	check(t, err)
	wantJSON(t, got, `{"record":{"name":"Ann","phone":"****0958","source":"fair","born":"1980-01-01T00:00:00Z","address":{"city":"Leeds"}},`+
		`"masked":["birthday","phone"],"read_only":["birthday","phone","source"]}`)
	if want := `masked="birthday phone", read_only="birthday phone source"`; got.Header() != want {
		t.Errorf("header %s, want %s", got.Header(), want)
	}
	got, err = v.View("read", "", personRecord("1"), map[string]any{"name": "Ann"})
	check(t, err)
	wantJSON(t, got, `{"record":{"name":"Ann"},"masked":["birthday","phone"],"read_only":["address.city","birthday","name","phone","source"]}`)
	stranger, err := az.For(t.Context(), "acme", "user:eve")
	check(t, err)
	got, err = stranger.View("read", "update", personRecord("1"), ann())
	check(t, err)
	wantJSON(t, got, `{"record":{}}`)
}

func TestOpenRefusesMasksThatDoNotExist(t *testing.T) {
	for mask, want := range map[string]error{"lost4": authz.ErrMask, "hash": authz.ErrHashKey} {
		schema, err := model.ParseSchema([]byte(strings.Replace(personSchema, "last4", mask, 1)))
		check(t, err)
		_, err = authz.Open(t.Context(), schema, storeOf(personPolicy), decade)
		if bad, ok := errors.AsType[*model.ValueError](err); !ok || !errors.Is(err, want) || bad.Value != mask {
			t.Errorf("%s: %v; want %v", mask, err, want)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A field that one tenant adds is shown in that tenant only, by its own mask.
func TestRedactKnowsWhatATenantAdds(t *testing.T) {
	schema, err := model.ParseSchema([]byte(personSchema + `
tenants:
  acme: {fields: {person: {badge: {default: masked, mask: last4}, address.zip: open}}}
`))
	check(t, err)
	az, err := authz.Open(t.Context(), schema, storeOf(personPolicy+`
other:
  rules: [{who: user:rita, may: read, on: person, scope: all}]
`), decade)
	check(t, err)
	defer az.Close()
	row := json.RawMessage(`{"name":"Ann","badge":"B-1234567","address":{"zip":"LS1","street":"x"}}`)
	for tenant, want := range map[string]string{
		"acme":  `{"name":"Ann","badge":"****4567","address":{"zip":"LS1"}}`,
		"other": `{"name":"Ann","address":{}}`,
	} {
		f, err := az.Fields(t.Context(), authz.Request{Tenant: tenant, User: "user:rita", Action: "read", Record: personRecord("1")})
		check(t, err)
		if got, err := f.JSON(row); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v; want %s", tenant, got, err, want)
		}
	}
}

// A page may be drawn by several goroutines.
func TestViewerFieldsMayBeAskedAtOnce(t *testing.T) {
	az := openPersons(t, personPolicy)
	v, err := az.For(t.Context(), "acme", "user:pam")
	check(t, err)
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 50 {
				action := []string{"read", "update"}[(g+i)%2]
				f, err := v.Fields(action, personRecord("1"))
				if err != nil || f.Writable("salary") != (action == "update") {
					t.Errorf("%s: %v, salary %s", action, err, f.Level("salary"))
				}
				if out, err := f.JSON(ann()); err != nil || !bytes.Contains(out, []byte("****0958")) {
					t.Errorf("%s: %s, %v", action, out, err)
				}
			}
		})
	}
	group.Wait()
}
