package authz_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// wide is a record of 40 fields, as a page lists 25 of.
type wide struct {
	Name        string    `json:"name"`
	Phone       string    `json:"phone"`
	Email       string    `json:"email"`
	Website     string    `json:"website"`
	Industry    string    `json:"industry"`
	Street      string    `json:"street"`
	City        string    `json:"city"`
	Zip         string    `json:"zip"`
	Country     string    `json:"country"`
	Region      string    `json:"region"`
	Employees   int64     `json:"employees"`
	Revenue     float64   `json:"revenue"`
	Score       int64     `json:"score"`
	Discount    float64   `json:"discount"`
	Balance     float64   `json:"balance"`
	CreditLimit float64   `json:"credit_limit"`
	Orders      int64     `json:"orders"`
	Visits      int64     `json:"visits"`
	Margin      float64   `json:"margin"`
	Rating      float64   `json:"rating"`
	Active      bool      `json:"active"`
	Vip         bool      `json:"vip"`
	Consent     bool      `json:"consent"`
	Blocked     bool      `json:"blocked"`
	Partner     bool      `json:"partner"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	LastCall    time.Time `json:"last_call"`
	NextCall    time.Time `json:"next_call"`
	Renewal     time.Time `json:"renewal"`
	Note        string    `json:"note"`
	Source      string    `json:"source"`
	Campaign    string    `json:"campaign"`
	Segment     string    `json:"segment"`
	OwnerName   string    `json:"owner_name"`
	Currency    string    `json:"currency"`
	Language    string    `json:"language"`
	TaxId       string    `json:"tax_id"`
	Iban        string    `json:"iban"`
	LegalForm   string    `json:"legal_form"`
}

func wideRecord(i int) wide {
	at := time.Date(2026, 3, 1, 8, i%60, 0, 0, time.UTC)
	return wide{
		Name:        fmt.Sprint("name of customer ", i),
		Phone:       fmt.Sprint("phone of customer ", i),
		Email:       fmt.Sprint("email of customer ", i),
		Website:     fmt.Sprint("website of customer ", i),
		Industry:    fmt.Sprint("industry of customer ", i),
		Street:      fmt.Sprint("street of customer ", i),
		City:        fmt.Sprint("city of customer ", i),
		Zip:         fmt.Sprint("zip of customer ", i),
		Country:     fmt.Sprint("country of customer ", i),
		Region:      fmt.Sprint("region of customer ", i),
		Employees:   int64(i * 13),
		Revenue:     float64(i) * 12.25,
		Score:       int64(i * 15),
		Discount:    float64(i) * 14.25,
		Balance:     float64(i) * 15.25,
		CreditLimit: float64(i) * 16.25,
		Orders:      int64(i * 19),
		Visits:      int64(i * 20),
		Margin:      float64(i) * 19.25,
		Rating:      float64(i) * 20.25,
		Active:      i%2 == 0,
		Vip:         i%3 == 0,
		Consent:     i%4 == 0,
		Blocked:     i%5 == 0,
		Partner:     i%6 == 0,
		Created:     at.AddDate(0, 25, i),
		Updated:     at.AddDate(0, 26, i),
		LastCall:    at.AddDate(0, 27, i),
		NextCall:    at.AddDate(0, 28, i),
		Renewal:     at.AddDate(0, 29, i),
		Note:        fmt.Sprint("note of customer ", i),
		Source:      fmt.Sprint("source of customer ", i),
		Campaign:    fmt.Sprint("campaign of customer ", i),
		Segment:     fmt.Sprint("segment of customer ", i),
		OwnerName:   fmt.Sprint("owner name of customer ", i),
		Currency:    fmt.Sprint("currency of customer ", i),
		Language:    fmt.Sprint("language of customer ", i),
		TaxId:       fmt.Sprint("tax id of customer ", i),
		Iban:        fmt.Sprint("iban of customer ", i),
		LegalForm:   fmt.Sprint("legal form of customer ", i),
	}
}

// widePage opens a policy of which a user reads most fields, sees every tenth
// masked and does not see another tenth.
func widePage(b *testing.B) (*authz.Viewer, []*authz.Record, []wide) {
	fields := map[string]model.Field{}
	for i, name := range []string{
		"name", "phone", "email", "website", "industry", "street", "city", "zip",
		"country", "region", "employees", "revenue", "score", "discount", "balance", "credit_limit",
		"orders", "visits", "margin", "rating", "active", "vip", "consent", "blocked",
		"partner", "created", "updated", "last_call", "next_call", "renewal", "note", "source",
		"campaign", "segment", "owner_name", "currency", "language", "tax_id", "iban", "legal_form",
	} {
		switch f := (model.Field{Default: model.FieldRead, Mask: "last4"}); i % 10 {
		case 1:
			f.Default = model.FieldMasked
			fields[name] = f
		case 7:
			fields[name] = model.Field{}
		default:
			fields[name] = f
		}
	}
	schema := &authz.Schema{Types: map[string]model.Type{"customer": {Actions: map[string]model.Action{"read": {Need: model.LevelRead}}, Fields: fields}}}
	az, err := authz.Open(b.Context(), schema, storeOf(`
acme:
  members: [{who: user:dan, in: [role:support, role:rep, team:north]}]
  rules:   [{who: role:support, may: read, on: customer, scope: all}]
  fields:  [{who: role:rep, has: read, on: [customer#zip, customer#note]}, {who: team:north, below: read, on: customer#iban}]
`))
	check(b, err)
	b.Cleanup(func() { az.Close() })
	v, err := az.For(b.Context(), "acme", "user:dan")
	check(b, err)
	var records []*authz.Record
	var rows []wide
	for i := range 25 {
		records = append(records, &authz.Record{Type: "customer", ID: fmt.Sprint("c", i)})
		rows = append(rows, wideRecord(i))
	}
	return v, records, rows
}

// A page of 25 records with 40 fields: the decisions on all fields, the redacted
// JSON (decisions included), and what encoding/json takes for all of it.
func BenchmarkFieldsOfAPage(b *testing.B) {
	v, records, rows := widePage(b)
	b.Run("decisions", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			readable := 0
			for _, r := range records {
				f, err := v.Fields("read", r)
				if err != nil {
					b.Fatal(err)
				}
				for _, level := range f.All() {
					if level >= model.FieldRead {
						readable++
					}
				}
			}
			if readable != 25*32 {
				b.Fatal(readable)
			}
		}
	})
	b.Run("redacted JSON", func(b *testing.B) {
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			out = out[:0]
			for i, r := range records {
				f, err := v.Fields("read", r)
				if err != nil {
					b.Fatal(err)
				}
				if out, err = f.AppendJSON(out, &rows[i]); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("redacted copy", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i, r := range records {
				f, err := v.Fields("read", r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := authz.Redact(f, &rows[i]); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("encoding json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i := range rows {
				if _, err := json.Marshal(&rows[i]); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
