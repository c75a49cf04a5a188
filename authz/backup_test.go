package authz_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/model"
)

func backupOf(t *testing.T, az *authz.Authorizer, tenant string) (*authz.Backup, string) {
	t.Helper()
	b, err := az.Backup(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if _, err := b.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	return b, text.String()
}

func TestBackupIsReadAsItWasWritten(t *testing.T) {
	az := open(t, storeOf(acme))
	b, text := backupOf(t, az, "acme")
	again, err := authz.ReadBackup(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, again); diff != "" {
		t.Errorf("written -, read +\n%s", diff)
	}
}

// A backup that differs in any byte is refused, as is one that ends early.
func TestDamagedBackupsAreRefused(t *testing.T) {
	_, text := backupOf(t, open(t, storeOf(acme)), "acme")
	for i := range len(text) {
		damaged := []byte(text)
		damaged[i] ^= 1
		if b, err := authz.ReadBackup(bytes.NewReader(damaged)); b != nil || !errors.Is(err, authz.ErrBackup) {
			t.Fatalf("byte %d, %q for %q: %v, %v", i, damaged[i], text[i], b, err)
		}
		if b, err := authz.ReadBackup(strings.NewReader(text[:i])); b != nil || !errors.Is(err, authz.ErrBackup) {
			t.Fatalf("the first %d bytes: %v, %v", i, b, err)
		}
	}
}

func TestRestoreTellsItsChangesAndMakesThem(t *testing.T) {
	az := open(t, storeOf(acme))
	b, _ := backupOf(t, az, "acme")
	must(t)(az.Revoke(t.Context(), by, member("user:alice", "role:rep")))
	must(t)(az.Grant(t.Context(), by, member("user:eve", "role:rep")))
	must(t)(az.Disable(t.Context(), by, "acme", "user:dan"))
	add, remove, err := az.RestoreChanges(t.Context(), "acme", b)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]authz.Fact{{member("user:alice", "role:rep")}, {member("user:eve", "role:rep"), model.Switch{Tenant: "acme", Target: "user:dan", Mode: model.ModeOff}}}
	if diff := cmp.Diff(want, [][]authz.Fact{add, remove}); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	wantRevision(t, az, "acme", 4)
	must(t)(az.Restore(t.Context(), by, "acme", b))
	wantRevision(t, az, "acme", 5)
	wantAllowed(t, az, ask("user:alice", "update", hers), true)
	wantAllowed(t, az, ask("user:dan", "read", hers), true)
	if again, _ := backupOf(t, az, "acme"); !cmp.Equal(again.Lines, b.Lines) {
		t.Error("restored, the policy is another")
	}
}

// An inheritance that the backup has the other way round is no cycle.
func TestRestoreTurnsAnInheritanceRound(t *testing.T) {
	up, down := member("role:a", "role:b"), member("role:b", "role:a")
	az := open(t, storeOf(acme))
	must(t)(az.Grant(t.Context(), by, up))
	b, _ := backupOf(t, az, "acme")
	must(t)(az.Revoke(t.Context(), by, up))
	must(t)(az.Grant(t.Context(), by, down))
	must(t)(az.Restore(t.Context(), by, "acme", b))
	if again, _ := backupOf(t, az, "acme"); !cmp.Equal(again.Lines, b.Lines) {
		t.Error("restored, the policy is another")
	}
}

func TestRestoreRefusesWhatIsNotTheTenantsPolicy(t *testing.T) {
	store := &faulty{Memory: storeOf(acme + "beta:\n  rules: [{who: user:ben, may: read, on: customer}]\n")}
	az := open(t, store)
	good, _ := backupOf(t, az, "acme")
	other, _ := backupOf(t, az, "beta")
	schema := *good
	schema.Schema = "sha256:0"
	mixed := *good
	mixed.Lines = append(mixed.Lines, other.Lines...)
	unknown := *good
	unknown.Lines = []model.Line{{Section: model.CustomerRules, Values: [6]string{"role:rep", "acme", "letter", "read", "allow", "-"}}}
	for name, test := range map[string]struct {
		backup *authz.Backup
		want   error
	}{
		"none": {nil, authz.ErrBackup}, "another tenant's": {other, authz.ErrBackup}, "of two": {&mixed, authz.ErrBackup},
		"of another schema": {&schema, authz.ErrSchema}, "of an unknown type": {&unknown, model.ErrUnknownType},
	} {
		if rev, err := az.Restore(t.Context(), by, "acme", test.backup); rev != 0 || !errors.Is(err, test.want) {
			t.Errorf("%s: %d, %v; want %v", name, rev, err, test.want)
		}
		if _, _, err := az.RestoreChanges(t.Context(), "acme", test.backup); !errors.Is(err, test.want) {
			t.Errorf("the changes of %s: %v; want %v", name, err, test.want)
		}
	}
	store.before = errDisk
	empty := *good
	empty.Lines = nil
	if rev, err := az.Restore(t.Context(), by, "acme", &empty); rev != 0 || !errors.Is(err, errDisk) {
		t.Errorf("on a broken disk: %d, %v", rev, err)
	}
	wantAllowed(t, az, ask("user:alice", "update", hers), true)
	wantRevision(t, az, "acme", 1)
}

func FuzzReadBackup(f *testing.F) {
	az := open(f, storeOf(acme))
	b, err := az.Backup(f.Context(), "acme")
	if err != nil {
		f.Fatal(err)
	}
	var text strings.Builder
	if _, err := b.WriteTo(&text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.String())
	f.Fuzz(func(t *testing.T, s string) {
		b, err := authz.ReadBackup(strings.NewReader(s))
		if err != nil {
			return
		}
		var again strings.Builder
		if _, err := b.WriteTo(&again); err != nil {
			t.Fatal(err)
		}
		if _, err := authz.ReadBackup(strings.NewReader(again.String())); err != nil {
			t.Fatal(err)
		}
	})
}
