package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

// auditLog counts what an open tenant allows. A real one stores each entry.
type auditLog struct{ entries int }

func (l *auditLog) Audit(context.Context, authz.AuditEntry) error {
	l.entries++
	return nil
}

// phase is a part of the evening, with what may be done to Fjord Bygg meanwhile.
type phase struct {
	at, name string
	do       func(*story, context.Context) (what string, err error)
	want     []string // a cell for each of those who ask
}

// asker is who asks meanwhile, and from where.
type asker struct{ user, about, address string }

var askers = []asker{
	{"user:alice", "senior rep, owner", "10.1.2.3"},
	{"user:anneli", "her manager", "10.1.2.3"},
	{"user:amara", "auditor", "10.1.2.3"},
	{"user:siobhán", "administrator, in the office", "10.1.2.4"},
	{"user:siobhán", "administrator, at home", "192.0.2.7"},
	{"user:gert", "left in October", "10.1.2.5"},
}

var phases = []phase{
	{"19:30:00", "before", nil,
		[]string{"RUX··", "RUXDT", "R····", "RUXDT", "RUXDT", "·····"}},
	{"20:00:00", "read-only", readOnly,
		[]string{"R·X··", "R·X··", "R····", "R·X··", "R·X··", "·····"}},
	{"20:30:00", "locked", lock,
		[]string{"·····", "·····", "·····", "RUXDT", "RUXDT", "·····"}},
	{"21:00:00", "open", openUp,
		[]string{"·····", "·····", "·····", "RUXDT", "·····", "·····"}},
	{"22:00:00", "over", nil, // by itself
		[]string{"·····", "RUXDT", "R····", "RUXDT", "RUXDT", "·····"}},
	{"22:05:00", "restored", restore,
		[]string{"RUX··", "RUXDT", "R····", "RUXDT", "RUXDT", "·····"}},
}

// seniority is what Alice loses by mistake while the tenant is open.
var seniority = model.Membership{Tenant: "nordwind", Member: "user:alice", Group: "role:senior"}

var maintenance = authz.By("user:siobhán", "maintenance: the new disks")

func clockOf(at string) time.Time {
	t, err := time.Parse(time.TimeOnly, at)
	if err != nil {
		panic(err) // a mistake in this program
	}
	return monday.Truncate(24 * time.Hour).Add(t.Sub(t.Truncate(24 * time.Hour)))
}

// readOnly lets everybody go on reading until it ends by itself.
func readOnly(s *story, ctx context.Context) (string, error) {
	_, err := s.az.Disable(ctx, maintenance, "nordwind", model.Any, authz.InMode(model.ModeReadOnly), authz.Until(clockOf("20:30:00")))
	return "nordwind is read-only until 20:30", err
}

// lock closes the tenant to all but the administrators, until 21:00.
func lock(s *story, ctx context.Context) (string, error) {
	_, err := s.az.Disable(ctx, maintenance, "nordwind", model.Any, authz.Except("user:siobhán"), authz.Until(clockOf("21:00:00")))
	return "nordwind is locked until 21:00, but for Siobhán", err
}

// openUp takes a backup and writes it to a file; then it suspends the rules, for one person in the office.
func openUp(s *story, ctx context.Context) (string, error) {
	b, err := s.az.Backup(ctx, "nordwind")
	if err != nil {
		return "", err
	}
	file, err := os.Create(s.backup())
	if err != nil {
		return "", err
	}
	_, err = b.WriteTo(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	_, err = s.az.Disable(ctx, maintenance, "nordwind", model.Any, authz.InMode(model.ModeOpen), authz.Until(clockOf("22:00:00")),
		authz.Except("user:siobhán", "net:10.0.0.0/8"), authz.AfterBackup(b))
	if err == nil {
		_, err = s.az.Revoke(ctx, maintenance, seniority)
	}
	return fmt.Sprintf("a backup of %d facts is in a file; nordwind is open until 22:00, to Siobhán in the office,\n"+
		"             where Alice's role is taken away by mistake", len(b.Lines)), err
}

// restore brings back the policy of the backup.
func restore(s *story, ctx context.Context) (string, error) {
	file, err := os.Open(s.backup())
	if err != nil {
		return "", err
	}
	b, err := authz.ReadBackup(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	add, remove, err := s.az.RestoreChanges(ctx, "nordwind", b)
	if err != nil {
		return "", err
	}
	s.expect("how many facts come back, and go", fmt.Sprint(len(add), len(remove)), "1 1") // the role; the opening, which is over
	for _, f := range add {
		s.expect("the fact that comes back", f, model.Fact(seniority))
	}
	_, err = s.az.Restore(ctx, maintenance, "nordwind", b)
	return "the backup is restored, and brings her role back", err
}

func (s *story) backup() string { return filepath.Join(s.dir, "nordwind.backup") }

// maintain closes a tenant for an evening, and shows who may do what meanwhile.
func (s *story) maintain(ctx context.Context) error {
	s.out.title("On Monday evening nordwind is maintained: who may do what to Fjord Bygg")
	rows := make([][]string, len(askers)+1)
	rows[0] = []string{"", ""}
	for i, a := range askers {
		rows[i+1] = []string{short(a.user), a.about}
	}
	var before string
	for i, p := range phases {
		s.now = clockOf(p.at)
		what := "nothing is switched"
		if i > 0 {
			what = "the opening is over by itself"
		}
		if p.do != nil {
			var err error
			if what, err = p.do(s, ctx); err != nil {
				return err
			}
		}
		s.out.line("   %s  %s", s.now.Format(time.TimeOnly), what)
		rows[0] = append(rows[0], p.name)
		if i == 0 {
			var err error
			if before, err = s.everything(ctx); err != nil {
				return err
			}
		}
		for i, a := range askers {
			cell, err := s.cellFrom(ctx, a, p.want[i])
			if err != nil {
				return err
			}
			rows[i+1] = append(rows[i+1], cell)
		}
	}
	s.out.line("")
	s.out.box(rows)
	// Siobhán asked about each action, in the office.
	s.expect("entries in the audit log", s.audit.entries, len(letters))
	s.out.line("   the audit log has %d entries, one for each decision of the open tenant", s.audit.entries)
	after, err := s.everything(ctx)
	if err != nil {
		return err
	}
	s.expect("everything, before and after", after, before)
	s.out.line("   %d questions about all people and customers have the answers that they had before\n", strings.Count(after, " "))
	return nil
}

// everything is all that the people in the matrices may do now, in one text.
func (s *story) everything(ctx context.Context) (string, error) {
	var all strings.Builder
	for _, m := range matrices {
		for _, p := range m.people {
			for _, c := range m.customers {
				for _, l := range letters {
					req, err := s.request(m.tenant, p.user, l.action, c)
					if err != nil {
						return "", err
					}
					allowed, err := s.az.Enforce(ctx, req)
					if err != nil {
						return "", err
					}
					fmt.Fprintf(&all, "%v ", allowed)
				}
			}
		}
	}
	return all.String(), nil
}

// cellFrom asks about every action on Fjord Bygg, from an address.
func (s *story) cellFrom(ctx context.Context, a asker, want string) (string, error) {
	cell := ""
	for _, l := range letters {
		req, err := s.request("nordwind", a.user, l.action, "account/fjord-bygg")
		if err != nil {
			return "", err
		}
		req.Address = netip.MustParseAddr(a.address)
		allowed, err := s.az.Enforce(ctx, req)
		if err != nil {
			return "", err
		}
		s.expect(fmt.Sprintf("%s %s %s fjord-bygg", s.now.Format(time.TimeOnly), a.user, l.action), allowed, strings.Contains(want, l.letter))
		if allowed {
			cell += l.letter
		} else {
			cell += "·"
		}
	}
	return cell, nil
}
