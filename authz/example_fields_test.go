package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// customer is a row of the CRM's own table.
type customer struct {
	Name  string `json:"name"`
	Phone string `json:"phone,omitempty"`
	Notes string `json:"notes,omitempty"`
	Draft string // the schema knows no such field: nobody sees it
}

var nordic = customer{Name: "Nordic Foods", Phone: "+4722864400", Notes: "pays late", Draft: "-"}

// seenBy returns the fields of Alice's customer for a user and an action.
func seenBy(az *authz.Authorizer, user, action string) authz.Fields {
	f, err := az.Fields(context.Background(), authz.Request{Tenant: "acme", User: user, Action: action, Record: hers})
	if err != nil {
		panic(err)
	}
	return f
}

func ExampleAuthorizer_Fields() {
	az := openAcme()
	defer az.Close()

	for _, user := range []string{"user:alice", "user:dan", "user:bob"} {
		f, err := az.Fields(context.Background(), authz.Request{Tenant: "acme", User: user, Action: "read", Record: hers})
		if err != nil {
			fmt.Println(err)
			return
		}
		for name, level := range f.All() {
			fmt.Print(name, " ", level, "; ")
		}
		fmt.Println(user)
	}
	// Output:
	// name read; notes hidden; phone read; user:alice
	// name read; notes hidden; phone masked; user:dan
	// name hidden; notes hidden; phone hidden; user:bob
}

func ExampleAuthorizer_ExplainField() {
	az := openAcme()
	defer az.Close()

	x, err := az.ExplainField(context.Background(), authz.Request{Tenant: "acme", User: "user:dan", Action: "read", Record: hers}, "phone")
	fmt.Println(x, err)
	// Output:
	// phone is masked; by default hidden; p3, role:support, acme, customer#phone, masked, allow, - <nil>
}

func ExampleViewer_Fields() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	dan, err := az.For(ctx, "acme", "user:dan")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, record := range []*authz.Record{hers, his} { // a page: the rules are looked at once
		f, err := dan.Fields("read", record)
		fmt.Println(record.ID, f.Readable("name"), f.Masked("phone"), f.Level("notes"), err)
	}
	// Output:
	// 42 true true hidden <nil>
	// 43 true true hidden <nil>
}

func ExampleRedact() {
	az := openAcme()
	defer az.Close()

	for _, user := range []string{"user:alice", "user:dan", "user:bob"} {
		shown, err := authz.Redact(seenBy(az, user, "read"), nordic)
		fmt.Printf("%+v %v\n", shown, err)
	}
	// Output:
	// {Name:Nordic Foods Phone:+4722864400 Notes: Draft:} <nil>
	// {Name:Nordic Foods Phone:****4400 Notes: Draft:} <nil>
	// {Name: Phone: Notes: Draft:} <nil>
}

func ExampleFields_RedactInPlace() {
	az := openAcme()
	defer az.Close()

	row := nordic
	err := seenBy(az, "user:dan", "read").RedactInPlace(&row)
	fmt.Println(row.Phone, err)
	// Output: ****4400 <nil>
}

func ExampleFields_JSON() {
	az := openAcme()
	defer az.Close()

	f := seenBy(az, "user:dan", "read")
	fmt.Println(string(must1(f.JSON(nordic))))
	fmt.Println(string(must1(f.JSON(map[string]any{"name": "Nordic Foods", "phone": nil, "draft": "-"}))))
	fmt.Println(string(must1(f.JSON(json.RawMessage(`[{"notes":"pays late","name":"Nordic Foods"}]`)))))
	// Output:
	// {"name":"Nordic Foods","phone":"****4400"}
	// {"name":"Nordic Foods"}
	// [{"name":"Nordic Foods"}]
}

func ExampleFields_AppendJSON() {
	az := openAcme()
	defer az.Close()

	out := []byte("customer: ")
	out, err := seenBy(az, "user:dan", "read").AppendJSON(out, nordic)
	fmt.Println(string(out), err)
	// Output: customer: {"name":"Nordic Foods","phone":"****4400"} <nil>
}

func ExampleFields_RedactStream() {
	az := openAcme()
	defer az.Close()

	export := `{"name": "Nordic Foods", "phone": "+4722864400", "notes": "pays late"}
		{"name": "Elbe-Werft", "vip": true}`
	if err := seenBy(az, "user:dan", "read").RedactStream(context.Background(), os.Stdout, strings.NewReader(export)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"name":"Nordic Foods","phone":"****4400"}
	// {"name":"Elbe-Werft"}
}

func ExampleFields_CheckWrite() {
	az := openAcme()
	defer az.Close()

	f := seenBy(az, "user:alice", "update")
	after := nordic
	after.Phone = "+4722864401"
	fmt.Println(f.CheckWrite(nordic, after))
	after.Notes = "pays early"
	err := f.CheckWrite(nordic, after)
	fmt.Println(err)
	if refused, ok := errors.AsType[*authz.FieldsError](err); ok {
		fmt.Println(refused.Fields, errors.Is(err, authz.ErrFields))
	}
	// Output:
	// <nil>
	// authz: write of customer: a field is not open to the user: notes
	// [notes] true
}

func ExampleFields_CheckPatch() {
	az := openAcme()
	defer az.Close()

	fmt.Println(seenBy(az, "user:alice", "update").CheckPatch(map[string]any{"phone": "+4722864401"}))
	fmt.Println(seenBy(az, "user:dan", "read").CheckPatch(map[string]any{"phone": "+4722864401"}))
	// Output:
	// <nil>
	// authz: write of customer: a field is not open to the user: phone
}

func ExampleFields_CheckCreate() {
	az := openAcme()
	defer az.Close()

	f := seenBy(az, "user:alice", "update")
	fmt.Println(f.CheckCreate(customer{Name: "Elbe-Werft", Phone: "+49 40 31987654"}))
	fmt.Println(f.CheckCreate(nordic))
	// Output:
	// <nil>
	// authz: create of customer: a field is not open to the user: Draft, notes
}

func ExampleFields_CheckQuery() {
	az := openAcme()
	defer az.Close()

	// Who sorts by a number that he sees masked can find it out.
	fmt.Println(seenBy(az, "user:dan", "read").CheckQuery(authz.FieldQuery{Sort: []string{"phone"}, Search: []string{"name"}}))
	// Output: authz: query of customer: a field is not open to the user: phone
}

func ExampleViewer_View() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	alice, err := az.For(ctx, "acme", "user:alice")
	if err != nil {
		fmt.Println(err)
		return
	}
	view, err := alice.View("read", "update", hers, nordic)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(must1(json.Marshal(view))))
	fmt.Println(authz.HeaderFields+":", view.Header())
	// Output:
	// {"record":{"name":"Nordic Foods","phone":"+4722864400"}}
	// Authz-Fields: masked="", read_only=""
}

// printedAudit prints what a real log would store.
type printedAudit struct{}

func (printedAudit) Audit(_ context.Context, e authz.AuditEntry) error {
	fmt.Printf("%s %s: %s looked at %s/%s#%s for %q\n", e.At.Format(time.DateOnly), e.Tenant, e.User, e.Type, e.ID, e.Field, e.Reason)
	return nil
}

func ExampleAuthorizer_Reveal() {
	ctx := context.Background()
	schema := &authz.Schema{
		Types: map[string]model.Type{"customer": {
			Actions: map[string]model.Action{"read": {Need: model.LevelRead}, "reveal": {Need: model.LevelRead}},
			Fields:  map[string]model.Field{"phone": {Default: model.FieldMasked, Mask: "last4"}},
		}},
		Conditions: map[string]string{"revealing": `action == "reveal"`},
	}
	az, err := authz.Open(ctx, schema, storeOf(`
acme:
  rules:  [{who: user:dan, may: [read, reveal], on: customer, scope: all}]
  fields: [{who: user:dan, has: read, on: customer#phone, if: revealing}]
`), authz.WithAudit(printedAudit{}), authz.WithClock(func() time.Time { return monday }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer az.Close()

	dan := authz.Request{Tenant: "acme", User: "user:dan", Action: "reveal", Record: hers}
	fmt.Println(az.Reveal(ctx, dan, "phone", "calls her back, ticket 81", nordic))
	fmt.Println(az.Reveal(ctx, dan, "phone", "", nordic))
	// Output:
	// 2026-11-23 acme: user:dan looked at customer/42#phone for "calls her back, ticket 81"
	// +4722864400 <nil>
	// <nil> authz: reveal in tenant "acme": revealing a value needs a reason
}

func ExampleWithMask() {
	initials := authz.WithMask("initials", func(v any) any {
		name, _ := v.(string)
		var out string
		for word := range strings.FieldsSeq(name) {
			out += word[:1] + "."
		}
		return out
	})
	schema := &authz.Schema{Types: map[string]model.Type{"customer": {
		Actions: map[string]model.Action{"read": {Need: model.LevelRead}},
		Fields:  map[string]model.Field{"name": {Default: model.FieldMasked, Mask: "initials"}},
	}}}
	az, err := authz.Open(context.Background(), schema, storeOf(`acme: {rules: [{who: user:dan, may: read, on: customer, scope: all}]}`), initials)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer az.Close()
	fmt.Println(string(must1(seenBy(az, "user:dan", "read").JSON(nordic))))
	// Output: {"name":"N.F."}
}

func ExampleWithHashKey() {
	schema := &authz.Schema{Types: map[string]model.Type{"customer": {
		Actions: map[string]model.Action{"read": {Need: model.LevelRead}},
		Fields:  map[string]model.Field{"phone": {Default: model.FieldMasked, Mask: "hash"}},
	}}}
	store := storeOf(`acme: {rules: [{who: user:dan, may: read, on: customer, scope: all}]}`)
	_, err := authz.Open(context.Background(), schema, store)
	fmt.Println(errors.Is(err, authz.ErrHashKey))
	az, err := authz.Open(context.Background(), schema, store, authz.WithHashKey([]byte("a secret of sixteen bytes or more")))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer az.Close()
	one, two := must1(authz.Redact(seenBy(az, "user:dan", "read"), nordic)), must1(authz.Redact(seenBy(az, "user:dan", "read"), nordic))
	fmt.Println(one.Phone != nordic.Phone, one.Phone == two.Phone)
	// Output:
	// true
	// true true
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ExampleViewer_FieldsOfType() {
	ctx, az := context.Background(), openAcme()
	defer az.Close()

	dan, err := az.For(ctx, "acme", "user:dan")
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := dan.FieldsOfType("read", "customer") // for a list's columns, and what it may be sorted by
	fmt.Println(f.Readable("name"), f.Readable("phone"), f.Writable("name"), err)
	// Output: true false false <nil>
}
