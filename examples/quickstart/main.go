// Command quickstart shows crmauthz on a policy of two companies: who may do
// what to which customer, why, what each sees of it, what changes do, and how a
// company is closed for maintenance and comes back.
//
// It keeps the policy in an SQLite file in a temporary directory, closes it,
// opens it again and asks everything a second time. Every answer is compared
// with the one expected in questions.go, changes.go and maintenance.go; a wrong one is named,
// and the program exits with 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/crmauthz/crmauthz/adapter/gormstore"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/testdata"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// monday is when the story begins.
var monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// story is what the program goes through.
type story struct {
	org   *testdata.Organisation
	dir   string // temporary
	audit auditLog
	az    *authz.Authorizer
	now   time.Time
	out   printer
	asked int
	wrong []string // the answers that were not as expected
}

func run(ctx context.Context, w io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "crmauthz-quickstart")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	org, err := testdata.Sales()
	if err != nil {
		return err
	}
	s := &story{org: org, dir: dir, now: monday}
	defer func() {
		_, writeErr := io.WriteString(w, s.out.String())
		err = errors.Join(err, writeErr)
	}()
	path := filepath.Join(dir, "policy.db")
	if err := s.open(ctx, path, s.firstDay); err != nil {
		return err
	}
	if err := s.open(ctx, path, s.afterRestart); err != nil {
		return err
	}
	if len(s.wrong) > 0 {
		for _, answer := range s.wrong {
			s.out.line("WRONG %s", answer)
		}
		return fmt.Errorf("%d of %d answers are wrong", len(s.wrong), s.asked)
	}
	s.out.line("All %d answers are as expected.", s.asked)
	return nil
}

// open opens the policy in a file for a part of the story.
func (s *story) open(ctx context.Context, path string, part func(context.Context) error) (err error) {
	store, err := gormstore.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s.az, err = authz.Open(ctx, s.org.Schema, store, authz.WithClock(func() time.Time { return s.now }),
		authz.WithAudit(&s.audit), authz.WithOpenLimit(2*time.Hour))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.az.Close()) }()
	return part(ctx)
}

func (s *story) firstDay(ctx context.Context) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{s.askMatrices, s.askWhy, s.explain, s.showFields, s.change, s.maintain} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// load grants the policy, one change for each tenant. Switches are made by Disable.
func (s *story) load(ctx context.Context) error {
	s.out.title("Two companies, one base policy")
	by := authz.By("user:siobhán", "the first policy")
	for _, tenant := range []string{model.Base, "nordwind", "lumen"} {
		var facts []model.Fact
		var switches []model.Switch
		for _, f := range s.org.Facts {
			if sw, ok := f.(model.Switch); ok && sw.Tenant == tenant {
				switches = append(switches, sw)
			} else if f.TenantID() == tenant {
				facts = append(facts, f)
			}
		}
		if _, err := s.az.Grant(ctx, by, facts...); err != nil {
			return err
		}
		for _, sw := range switches {
			if _, err := s.az.Disable(ctx, by, tenant, sw.Target, authz.From(sw.Valid.From), authz.Until(sw.Valid.Until)); err != nil {
				return err
			}
		}
		s.out.line("   %-9s %3d facts granted, %d switched off", tenant, len(facts), len(switches))
	}
	s.out.line("")
	return nil
}

// afterRestart asks again what was asked on the first day, of the file alone.
func (s *story) afterRestart(ctx context.Context) error {
	s.out.title("On Tuesday the program starts again, with the same file")
	s.now = monday.AddDate(0, 0, 1)
	quiet := &story{org: s.org, az: s.az}
	for _, part := range []func(context.Context) error{quiet.askMatrices, quiet.askWhy, quiet.explain, quiet.showFields} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	s.asked += quiet.asked
	s.wrong = slices.Concat(s.wrong, quiet.wrong)
	for _, tenant := range []string{"nordwind", "lumen"} {
		rev, err := s.az.Revision(ctx, tenant)
		if err != nil {
			return err
		}
		s.out.line("   %-9s at revision %d", tenant, rev)
	}
	s.out.line("   %d questions asked again: %d wrong answers", quiet.asked, len(quiet.wrong))
	s.out.line("")
	return nil
}

// record is one of records.yaml.
func (s *story) record(tenant, name string) (*authz.Record, error) {
	if r := s.org.Record[tenant][name]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("records.yaml has no %s of %s", name, tenant)
}

// request asks for a user of the office network; two of them have attributes.
func (s *story) request(tenant, user, action, record string) (authz.Request, error) {
	r, err := s.record(tenant, record)
	req := authz.Request{Tenant: tenant, User: user, Action: action, Record: r, Env: map[string]any{"network": "office"}}
	if user == "user:zofia" {
		req.UserAttrs = map[string]any{"clearance": 2}
	}
	return req, err
}

// expect counts an answer, and remembers one that is not as expected.
func (s *story) expect(question string, got, want any) {
	s.asked++
	if got != want {
		s.wrong = append(s.wrong, fmt.Sprintf("%s: got %v, want %v", question, got, want))
	}
}
