package authzgorm_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

type logOfEntries struct {
	n   int
	err error
}

func (l *logOfEntries) Audit(context.Context, authz.AuditEntry) error {
	l.n++
	return l.err
}

var errNoLog = errors.New("the log is full")

// In every mode, lists have the rows that Enforce lets the user read, shown as FieldLevel says; and an update writes exactly those that
// it lets her update.
func TestListsAndWritesInEveryMode(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	open := func(o ...authz.SwitchOption) []authz.SwitchOption {
		return append(o, authz.InMode(model.ModeOpen), authz.Until(now.Add(time.Hour)))
	}
	readOnly := authz.InMode(model.ModeReadOnly)
	for _, mode := range []struct {
		name, target string
		options      []authz.SwitchOption
	}{
		{"none", "", nil},
		{"user", "user:alice", nil},
		{"role", "role:rep", nil},
		{"role, but for one in the office", "role:rep", []authz.SwitchOption{authz.Except("user:alice", "net:10.0.0.0/8")}},
		{"type", "customer", nil},
		{"type, read-only", "customer", []authz.SwitchOption{readOnly}},
		{"type, not in the office", "customer", []authz.SwitchOption{authz.Except("net:10.0.0.0/8")}},
		{"record", "customer/42", nil},
		{"record, read-only", "customer/42", []authz.SwitchOption{readOnly}},
		{"field", "customer#phone", nil},
		{"field, read-only", "customer#phone", []authz.SwitchOption{readOnly}},
		{"field of a record", "customer/42#phone", nil},
		{"locked", "*", nil},
		{"locked, but for one", "*", []authz.SwitchOption{authz.Except("user:alice")}},
		{"read-only", "*", []authz.SwitchOption{readOnly}},
		{"open", "*", open()},
		{"open for one", "*", open(authz.Except("user:alice", "customer#phone"))},
	} {
		t.Run(mode.name, func(t *testing.T) {
			az, log := openInMode(t, now, mode.target, mode.options)
			for i, principal := range []authz.Principal{
				{Tenant: "acme", User: "user:alice"}, {Tenant: "acme", User: "user:alice", Address: netip.MustParseAddr("10.1.2.3")},
				{Tenant: "acme", User: "user:bob"}, {Tenant: "acme", User: "user:nobody"},
			} {
				name := strings.ReplaceAll(fmt.Sprint("modes", mode.name, i), " ", "")
				db := openGuarded(name, az)
				bare, err := gorm.Open(sqlite.Open("file:"+name+"?mode=memory&cache=shared"), &gorm.Config{Logger: logger.Discard})
				must(t, err)
				wantAsEnforced(t, az, db, bare, principal)
				if mode.name != "open" || principal.User != "user:bob" {
					continue
				}
				if log.n == 0 {
					t.Error("the log has no entry of an open tenant")
				}
				log.err = errNoLog
				var rows []Client
				if err := db.WithContext(authz.NewContext(t.Context(), principal)).Find(&rows).Error; !errors.Is(err, authz.ErrNoAudit) || len(rows) > 0 {
					t.Errorf("without a log: %d rows, %v", len(rows), err)
				}
				log.err = nil
			}
		})
	}
}

func openInMode(t *testing.T, now time.Time, target string, options []authz.SwitchOption) (*authz.Authorizer, *logOfEntries) {
	t.Helper()
	schema, err := model.ParseSchema([]byte(exampleSchema))
	must(t, err)
	facts, err := model.ParsePolicy([]byte(examplePolicy))
	must(t, err)
	store, err := adapter.NewMemory(nil)
	must(t, err)
	log := &logOfEntries{}
	az, err := authz.Open(t.Context(), schema, store, authz.WithAudit(log), authz.WithOpenLimit(time.Hour), authz.WithClock(func() time.Time { return now }))
	must(t, err)
	t.Cleanup(func() { _ = az.Close() })
	by := authz.By("user:admin", "modes")
	_, err = az.Grant(t.Context(), by, facts...)
	must(t, err)
	if target != "" {
		b, err := az.Backup(t.Context(), "acme")
		must(t, err)
		_, err = az.Disable(t.Context(), by, "acme", target, append(options, authz.AfterBackup(b))...)
		must(t, err)
	}
	return az, log
}

// wantAsEnforced reads and updates as a principal, and compares with what Enforce and FieldLevel say of each row.
func wantAsEnforced(t *testing.T, az *authz.Authorizer, db, bare *gorm.DB, p authz.Principal) {
	t.Helper()
	ctx := authz.NewContext(t.Context(), p)
	var all, rows, want []Client
	must(t, bare.Where("tenant = ?", p.Tenant).Order("id").Find(&all).Error)
	request := func(action string, c Client) authz.Request {
		return authz.Request{Tenant: p.Tenant, User: p.User, Action: action, Address: p.Address,
			Record: &authz.Record{Type: "customer", ID: fmt.Sprint(c.ID), Owners: []string{c.Owner}, Attrs: map[string]any{"tier": c.Tier}}}
	}
	var updates []int64
	for _, c := range all {
		may, err := az.Enforce(t.Context(), request("read", c))
		must(t, err)
		if may {
			phone, err := az.FieldLevel(t.Context(), request("read", c), "phone")
			must(t, err)
			switch phone {
			case model.FieldHidden:
				c.Phone = ""
			case model.FieldMasked:
				c.Phone = "****" + c.Phone[len(c.Phone)-4:]
			}
			want = append(want, c)
		}
		may, err = az.Enforce(t.Context(), request("update", c))
		must(t, err)
		name, err := az.FieldLevel(t.Context(), request("update", c), "name")
		must(t, err)
		if may && name == model.FieldWrite {
			updates = append(updates, c.ID)
		}
	}
	if err := db.WithContext(ctx).Order("id").Find(&rows).Error; err != nil || !slices.EqualFunc(rows, want, func(a, b Client) bool { return a.ID == b.ID && a.Name == b.Name && a.Phone == b.Phone }) {
		t.Errorf("%s from %v reads %v, %v; want %v", p.User, p.Address, rows, err, want)
	}
	for _, c := range all {
		tx := db.WithContext(ctx).Model(&Client{}).Where("id = ?", c.ID).Update("name", "changed")
		if got := tx.Error == nil && tx.RowsAffected == 1; got != slices.Contains(updates, c.ID) {
			t.Errorf("%s from %v updates %d: %d rows, %v; want it to be %v", p.User, p.Address, c.ID, tx.RowsAffected, tx.Error, slices.Contains(updates, c.ID))
		}
	}
	var changed []int64
	must(t, bare.Model(&Client{}).Where("name = ?", "changed").Order("id").Pluck("id", &changed).Error)
	if !slices.Equal(changed, updates) {
		t.Errorf("%s from %v has changed %v, want %v", p.User, p.Address, changed, updates)
	}
}
