package command_test

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/command"
	"github.com/crmauthz/crmauthz/testdata/databases"
)

// emptyStore is a store of one test, as it is named on the command line.
func emptyStore(t *testing.T, kind string) string {
	t.Helper()
	switch kind {
	case "CSV":
		return "new.csv"
	case "SQLite":
		return "new.db"
	case "PostgreSQL":
		return databases.New(t, databases.Postgres).Name
	}
	return databases.New(t, databases.MySQL).Name
}

// A policy is restored, switched, opened, backed up and switched on again where it is kept, on every kind of store.
func TestSwitchAndRestoreOnEachStore(t *testing.T) {
	for _, kind := range []string{"CSV", "SQLite", "PostgreSQL", "MariaDB"} {
		t.Run(kind, func(t *testing.T) {
			prepare(t)
			store := emptyStore(t, kind)
			const by = " --schema schema.yaml --actor user:root --reason OPS-7 --yes"
			for _, step := range []struct {
				line string
				want string
				code int
			}{
				{"restore one.backup STORE" + by, "4 facts to add", command.OK},
				{"restore one.backup STORE" + by, "nothing differs", command.OK},
				{"switch STORE off role:rep --except user:carol" + by, "revision 2", command.OK},
				{"switch STORE --schema schema.yaml", "in force  role:rep off, except user:carol", command.OK},
				{"explain STORE --schema schema.yaml user:carol read customer/1", "may read", command.OK},
				{"explain STORE --schema schema.yaml user:alice read customer/1", "may not read", command.Findings},
				{"switch STORE off * --mode open --for 1h --except user:alice --backup first.backup" + by, "revision 3", command.OK},
				{"explain STORE --schema schema.yaml user:alice delete customer/1", "may delete", command.OK},
				{"explain STORE --schema schema.yaml user:carol read customer/1", "may not read", command.Findings},
				{"backup STORE --schema schema.yaml --out second.backup", "tenant acme at revision 3, 6 facts", command.OK},
				{"switch STORE on *" + by, "revision 4", command.OK},
				{"switch STORE on role:rep" + by, "revision 5", command.OK},
				{"switch STORE --schema schema.yaml", "nothing is switched off", command.OK},
				{"restore first.backup STORE --schema schema.yaml", "+ p4, role:rep, acme, off, -, -, user:carol", command.Findings},
				{"restore second.backup STORE" + by, "1 fact to add", command.OK}, // but the tenant is not opened again
				{"restore one.backup STORE" + by, "1 fact to take away", command.OK},
				{"backup STORE --schema schema.yaml", "# facts 4", command.OK},
			} {
				out, code := run(t, strings.ReplaceAll(step.line, "STORE", store), "")
				if code != step.code || !strings.Contains(out, step.want) {
					t.Fatalf("exit code %d, want %d; want %q in\n%s", code, step.code, step.want, out)
				}
			}
		})
	}
}

// At a terminal whoever sits there is asked, and only yes is yes.
func TestChangesAreConfirmed(t *testing.T) {
	for answer, want := range map[string]int{"y\n": command.OK, "Yes\n": command.OK, "\n": command.Findings, "": command.Findings, "no\n": command.Findings, "yesterday\n": command.Findings} {
		for _, line := range []string{"restore one.backup one.csv", "switch one.csv off user:bob", "switch switches.csv on *"} {
			t.Run(line+" "+answer, func(t *testing.T) {
				prepare(t)
				var out bytes.Buffer
				env := command.Env{In: strings.NewReader(answer), Out: &out, Err: &out, Terminal: func(io.Writer) bool { return true }, Getenv: os.Getenv, Now: time.Now}
				before := read(t, "one.csv") + read(t, "switches.csv")
				code := command.Run(t.Context(), env, strings.Fields(line+" --schema schema.yaml --actor user:root"))
				if changed := before != read(t, "one.csv")+read(t, "switches.csv"); code != want || changed != (want == command.OK) {
					t.Errorf("exit code %d, want %d; changed %v\n%s", code, want, changed, out.String())
				}
			})
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	return string(text)
}
