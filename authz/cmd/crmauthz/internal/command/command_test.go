package command_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/glebarez/go-sqlite"
	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/command"
)

var update = flag.Bool("update", false, "write what comes out as what is wanted")

// call is a command line and what is to come of it: the exit code, and what testdata/golden has
// under the call's name.
type call struct {
	name  string
	line  string // words, separated by blanks; in a statement to prove dots stand for blanks
	stdin string
	code  int
	shows []string // files that the command writes
}

var calls = []call{
	{name: "no command", line: ""},
	{name: "help of a command", line: "explain --help"},
	{name: "unknown command", line: "frobnicate", code: 2},
	{name: "unknown flag", line: "who --frobnicate", code: 2},
	{name: "too few arguments", line: "who policy.yaml", code: 2},

	{name: "explain allowed", line: "explain policy.yaml --schema schema.yaml user:alice update customer/42 --owner user:alice"},
	{name: "explain denied", line: "explain policy.yaml --schema schema.yaml user:bob update customer/42 --owner user:alice --at 2026-11-22T09:00:00Z", code: 1},
	{name: "explain denied json", line: "explain policy.yaml --schema schema.yaml user:bob update customer/42 --owner user:alice --json", code: 1},
	{name: "explain type", line: "explain policy.yaml --schema schema.yaml user:bob read customer"},
	{name: "explain field", line: "explain policy.yaml --schema schema.yaml user:bob read customer/42#phone --at 2026-11-22T09:00:00Z"},
	{name: "explain field json", line: "explain policy.yaml --schema schema.yaml user:eve read customer/42#phone --attr region=EU --json", code: 1},
	{name: "explain condition", line: "explain policy.yaml --schema schema.yaml user:eve update customer/1 --attr size=11 --attr share=0.75 --attr key=true --attr since=2020-01-01T00:00:00Z --attr pause=90s --attr tags=b,a"},
	{name: "explain attributes of the user", line: "explain policy.yaml --schema schema.yaml user:eve delete customer/1 --user-attr level=3 --env network=office"},
	{name: "explain unknown attribute", line: "explain policy.yaml --schema schema.yaml user:eve delete customer/1 --attr colour=red", code: 2},
	{name: "explain bad attribute", line: "explain policy.yaml --schema schema.yaml user:eve delete customer/1 --attr size=big", code: 2},
	{name: "explain no pair", line: "explain policy.yaml --schema schema.yaml user:eve delete customer/1 --env office", code: 2},
	{name: "explain owner of a type", line: "explain policy.yaml --schema schema.yaml user:eve delete customer --owner user:eve", code: 2},
	{name: "explain bad time", line: "explain policy.yaml --schema schema.yaml user:eve read customer --at yesterday", code: 2},
	{name: "explain address", line: "explain switched.yaml --schema schema.yaml user:alice read customer/1 --address 10.1.2.3"},
	{name: "explain no address", line: "explain switched.yaml --schema schema.yaml user:alice read customer/1", code: 1},
	{name: "explain bad address", line: "explain switched.yaml --schema schema.yaml user:alice read customer/1 --address here", code: 2},
	{name: "explain bad target", line: "explain policy.yaml --schema schema.yaml user:eve read *", code: 2},
	{name: "explain unknown action", line: "explain policy.yaml --schema schema.yaml user:eve fly customer", code: 2},
	{name: "explain without schema", line: "explain policy.yaml user:eve read customer", code: 2},
	{name: "explain unknown file", line: "explain missing.yaml --schema schema.yaml user:eve read customer", code: 2},
	{name: "explain broken policy", line: "explain broken.yaml --schema schema.yaml user:eve read customer", code: 2},
	{name: "explain broken csv", line: "explain broken.csv --schema schema.yaml user:eve read customer", code: 2},
	{name: "explain broken schema", line: "explain policy.yaml --schema policy.yaml user:eve read customer", code: 2},
	{name: "explain two tenants", line: "explain two.csv --schema schema.yaml user:alice read customer", code: 2},
	{name: "explain one of two tenants", line: "explain two.csv --schema schema.yaml --tenant acme user:alice read customer"},
	{name: "explain fixture", line: "explain sales.yaml user:alice update customer/42"},
	{name: "explain fixture with schema", line: "explain sales.yaml --schema schema.yaml user:alice update customer/42", code: 2},
	{name: "explain sqlite", line: "explain policy.db --schema schema.yaml user:alice read customer"},
	{name: "explain sqlite of another program", line: "explain casbin.db --schema schema.yaml --tenant acme user:alice read customer", code: 2},
	{name: "explain password", line: "explain postgres://u:secret@127.0.0.1:1/db --schema schema.yaml user:alice read customer", code: 2},
	{name: "explain password of mysql", line: "explain u:secret@tcp(127.0.0.1:1)/db --schema schema.yaml user:alice read customer", code: 2},

	{name: "who", line: "who policy.yaml --schema schema.yaml read customer/42 --owner user:alice --at 2026-11-22T09:00:00Z"},
	{name: "who json", line: "who policy.yaml --schema schema.yaml read customer/42 --records records.yaml --json --at 2026-11-22T09:00:00Z"},
	{name: "who nobody", line: "who policy.yaml --schema schema.yaml delete customer/42", code: 1},
	{name: "who fixture", line: "who sales.yaml read customer/43"},
	{name: "who type", line: "who policy.yaml --schema schema.yaml read customer", code: 2},

	{name: "fmt", line: "fmt untidy.yaml"},
	{name: "fmt list", line: "fmt -l untidy.yaml policy.yaml schema.yaml sales.yaml two.csv", code: 1},
	{name: "fmt diff", line: "fmt -d untidy.yaml", code: 1},
	{name: "fmt diff of nothing", line: "fmt -d schema.yaml policy.yaml"},
	{name: "fmt json", line: "fmt --json untidy.yaml policy.yaml", code: 1},
	{name: "fmt list and write", line: "fmt -l -w untidy.yaml policy.yaml", code: 1, shows: []string{"untidy.yaml"}},
	{name: "fmt write", line: "fmt -w untidy.yaml two.csv", shows: []string{"untidy.yaml", "two.csv"}},
	{name: "fmt simplify", line: "fmt -s unsorted.yaml"},
	{name: "fmt simplify comments", line: "fmt -s untidy.yaml", code: 2},
	{name: "fmt stdin", line: "fmt", stdin: "acme: {rules: [{who: role:rep, may: read, on: customer}]}"},
	{name: "fmt stdin csv", line: "fmt --csv -s -", stdin: "p,role:b,acme,customer,read,allow,-\np,role:a,acme,customer,read,allow,-\np,role:b,acme,customer,read,allow,-\n"},
	{name: "fmt broken", line: "fmt broken.yaml", code: 2},
	{name: "fmt broken csv", line: "fmt broken.csv", code: 2},
	{name: "fmt several, some broken", line: "fmt -w broken.yaml untidy.yaml missing.yaml two.csv", code: 2, shows: []string{"untidy.yaml", "two.csv"}},
	{name: "fmt database", line: "fmt policy.db", code: 2},

	{name: "doctor", line: "doctor casbin.csv --model casbin.conf", code: 1},
	{name: "doctor json", line: "doctor casbin.csv --model casbin.conf --json", code: 1},
	{name: "doctor sqlite", line: "doctor casbin.db --all", code: 1},
	{name: "doctor clean", line: "doctor clean.csv"},
	{name: "doctor ours", line: "doctor ours.csv"},
	{name: "doctor unseen", line: "doctor --unseen"},
	{name: "doctor yaml", line: "doctor policy.yaml", code: 2},
	{name: "doctor no model", line: "doctor clean.csv --model policy.yaml", code: 2},
	{name: "doctor nothing", line: "doctor", code: 2},
	{name: "doctor no table", line: "doctor policy.db --table other", code: 2},
	{name: "doctor import", line: "doctor casbin.csv --model casbin.conf --import new.yaml --import-schema new-schema.yaml", code: 1, shows: []string{"new.yaml", "new-schema.yaml"}},
	{name: "doctor import clean", line: "doctor clean.csv --model casbin.conf --import new.csv", shows: []string{"new.csv"}},
	{name: "doctor import into a schema", line: "doctor clean.csv --model casbin.conf --import new.yaml --schema schema.yaml", code: 1, shows: []string{"new.yaml"}},
	{name: "doctor import without tenants", line: "doctor rbac.csv --import new.yaml --tenant acme", shows: []string{"new.yaml"}},
	{name: "doctor import over a file", line: "doctor clean.csv --import policy.yaml", code: 2},

	{name: "import salesforce", line: "import salesforce salesforce --out new.yaml --schema-out new-schema.yaml --organisation new-organisation.yaml", code: 1, shows: []string{"new.yaml", "new-schema.yaml", "new-organisation.yaml"}},
	{name: "import dynamics365", line: "import dynamics365 dynamics365 --tenant acme --out new.csv --schema-out new-schema.yaml", code: 1, shows: []string{"new.csv", "new-schema.yaml"}},
	{name: "import zoho", line: "import zoho zoho --tenant acme --out new.yaml", code: 1, shows: []string{"new.yaml"}},
	{name: "import hubspot", line: "import hubspot hubspot --tenant acme --out new.yaml", code: 1, shows: []string{"new.yaml"}},
	{name: "import fxiaoke", line: "import fxiaoke fxiaoke --tenant acme --out new.yaml", code: 1, shows: []string{"new.yaml"}},
	{name: "import json", line: "import dynamics365 dynamics365 --json", code: 1},
	{name: "import a description", line: "import zoho organisation.yaml --tenant acme --out new.yaml --schema-out new-schema.yaml", shows: []string{"new.yaml", "new-schema.yaml"}},
	{name: "import help", line: "import --help"},

	{name: "backup", line: "backup one.csv --schema schema.yaml"},
	{name: "backup to a file", line: "backup two.csv --schema schema.yaml --tenant acme --out new.backup", shows: []string{"new.backup"}},
	{name: "backup over a file", line: "backup one.csv --schema schema.yaml --out policy.yaml", code: 2},
	{name: "backup of the base policy", line: "backup one.csv --schema schema.yaml --tenant *"},
	{name: "backup of yaml", line: "backup policy.yaml --schema schema.yaml", code: 2},
	{name: "backup of two tenants", line: "backup two.csv --schema schema.yaml", code: 2},
	{name: "backup without schema", line: "backup one.csv", code: 2},
	{name: "backup of no file", line: "backup missing.csv --schema schema.yaml", code: 2},
	{name: "backup of no database", line: "backup missing.db --schema schema.yaml", code: 2},
	{name: "backup of a database without our tables", line: "backup policy.db --schema schema.yaml", code: 2},
	{name: "backup password", line: "backup postgres://u:secret@127.0.0.1:1/db --schema schema.yaml", code: 2},
	{name: "backup help", line: "backup --help"},

	{name: "restore without yes", line: "restore one.backup one.csv --schema schema.yaml --actor user:root", code: 1, shows: []string{"one.csv"}},
	{name: "restore", line: "restore one.backup one.csv --schema schema.yaml --actor user:root --reason OPS-7 --yes", shows: []string{"one.csv"}},
	{name: "restore json", line: "restore one.backup one.csv --schema schema.yaml --actor user:root --reason OPS-7 --yes --json"},
	{name: "restore json without yes", line: "restore one.backup one.csv --schema schema.yaml --actor user:root --json", code: 1},
	{name: "restore into a new file", line: "restore one.backup new.csv --schema schema.yaml --actor user:root --yes", shows: []string{"new.csv"}},
	{name: "restore into a database", line: "restore one.backup policy.db --schema schema.yaml --actor user:root --yes"},
	{name: "restore without actor", line: "restore one.backup one.csv --schema schema.yaml --yes", code: 2},
	{name: "restore of another tenant", line: "restore one.backup one.csv --schema schema.yaml --tenant beta --actor user:root --yes", code: 2},
	{name: "restore of another schema", line: "restore one.backup one.csv --schema other.schema.yaml --actor user:root --yes", code: 2},
	{name: "restore of what is damaged", line: "restore damaged.backup one.csv --schema schema.yaml --actor user:root --yes", code: 2},
	{name: "restore of what is no backup", line: "restore one.csv one.csv --schema schema.yaml --actor user:root --yes", code: 2},
	{name: "restore of no file", line: "restore missing.backup one.csv --schema schema.yaml --actor user:root --yes", code: 2},
	{name: "restore help", line: "restore --help"},

	{name: "switch", line: "switch switches.csv --schema schema.yaml"},
	{name: "switch json", line: "switch switches.csv --schema schema.yaml --json"},
	{name: "switch of yaml", line: "switch switched.yaml --schema schema.yaml"},
	{name: "switch of a fixture", line: "switch sales.yaml"},
	{name: "switch off a user", line: "switch one.csv --schema schema.yaml off user:bob --except net:10.0.0.0/8 --actor user:root --reason OPS-7 --yes", shows: []string{"one.csv"}},
	{name: "switch off a role", line: "switch one.csv --schema schema.yaml off role:rep --from 2026-11-22T18:00:00Z --for 2h --except user:alice --actor user:root --yes", shows: []string{"one.csv"}},
	{name: "switch off without yes", line: "switch one.csv --schema schema.yaml off * --mode read-only --for 2h --actor user:root", code: 1, shows: []string{"one.csv"}},
	{name: "switch open", line: "switch one.csv --schema schema.yaml off * --mode open --for 1h --except user:alice --except customer#phone --backup new.backup --actor user:root --reason OPS-7 --yes", shows: []string{"new.backup", "one.csv"}},
	{name: "switch open without reason", line: "switch one.csv --schema schema.yaml off * --mode open --for 1h --backup new.backup --actor user:root --yes", code: 2},
	{name: "switch open without backup", line: "switch one.csv --schema schema.yaml off * --mode open --for 1h --actor user:root --reason OPS-7 --yes", code: 2},
	{name: "switch open without end", line: "switch one.csv --schema schema.yaml off * --mode open --backup new.backup --actor user:root --reason OPS-7 --yes", code: 2},
	{name: "switch open for too long", line: "switch one.csv --schema schema.yaml off * --mode open --for 25h --backup new.backup --actor user:root --reason OPS-7 --yes", code: 2},
	{name: "switch open over a file", line: "switch one.csv --schema schema.yaml off * --mode open --for 1h --backup one.backup --actor user:root --reason OPS-7 --yes", code: 2},
	{name: "switch backup of another mode", line: "switch one.csv --schema schema.yaml off * --backup new.backup --actor user:root --yes", code: 2},
	{name: "switch on", line: "switch switches.csv --schema schema.yaml on * --actor user:root --yes", shows: []string{"switches.csv"}},
	{name: "switch on without yes", line: "switch switches.csv --schema schema.yaml on * --actor user:root", code: 1},
	{name: "switch on what is on", line: "switch one.csv --schema schema.yaml on user:bob --actor user:root"},
	{name: "switch without actor", line: "switch one.csv --schema schema.yaml off user:bob --yes", code: 2},
	{name: "switch bad mode", line: "switch one.csv --schema schema.yaml off user:bob --mode shut --actor user:root", code: 2},
	{name: "switch mode of another target", line: "switch one.csv --schema schema.yaml off user:bob --mode locked --actor user:root", code: 2},
	{name: "switch bad exception", line: "switch one.csv --schema schema.yaml off customer --except 10.0.0.1 --actor user:root", code: 2},
	{name: "switch bad time", line: "switch one.csv --schema schema.yaml off customer --until tomorrow --actor user:root", code: 2},
	{name: "switch bad length", line: "switch one.csv --schema schema.yaml off customer --for=-1h --actor user:root", code: 2},
	{name: "switch two ends", line: "switch one.csv --schema schema.yaml off customer --for 1h --until 2026-11-22T20:00:00Z --actor user:root", code: 2},
	{name: "switch unknown type", line: "switch one.csv --schema schema.yaml off letter --actor user:root", code: 2},
	{name: "switch unknown rule", line: "switch one.csv --schema schema.yaml off rule:0123456789abcdef0123456789abcdef --actor user:root --yes", code: 2},
	{name: "switch yaml", line: "switch policy.yaml --schema schema.yaml off user:bob --actor user:root --yes", code: 2},
	{name: "switch word", line: "switch one.csv --schema schema.yaml away user:bob", code: 2},
	{name: "switch help", line: "switch --help"},
	{name: "import an unknown product", line: "import sugar zoho", code: 2},
	{name: "import a missing directory", line: "import zoho missing", code: 2},
	{name: "import of another product", line: "import dynamics365 zoho", code: 2},
	{name: "import a broken export", line: "import dynamics365 broken-dynamics365 --out new.yaml", code: 2},
	{name: "import a broken description", line: "import zoho policy.yaml", code: 2},
	{name: "import an organisation that does not compile", line: "import zoho orphans.yaml", code: 2},
	{name: "import a bad tenant", line: "import zoho organisation.yaml --tenant *", code: 2},
	{name: "import over a file", line: "import zoho organisation.yaml --out policy.yaml", code: 2},

	{name: "compare", line: "compare table.csv --policy policy.yaml --schema schema.yaml --records records.yaml", code: 1},
	{name: "compare json", line: "compare table.csv --policy policy.yaml --schema schema.yaml --records records.yaml --json", code: 1},
	{name: "compare agrees", line: "compare agrees.csv --policy sales.yaml"},
	{name: "compare help", line: "compare --help"},
	{name: "compare without a policy", line: "compare table.csv", code: 2},
	{name: "compare a missing table", line: "compare missing.csv --policy sales.yaml", code: 2},
	{name: "compare no table", line: "compare two.csv --policy sales.yaml", code: 2},
	{name: "compare a broken table", line: "compare ragged.csv --policy sales.yaml", code: 2},
	{name: "compare an empty table", line: "compare empty.csv --policy sales.yaml", code: 2},
	{name: "compare a field of a record", line: "compare hash.csv --policy sales.yaml", code: 2},
	{name: "compare an unknown word", line: "compare perhaps.csv --policy sales.yaml", code: 2},
	{name: "compare an unknown record", line: "compare agrees.csv --policy policy.yaml --schema schema.yaml", code: 2},
	{name: "compare an unknown field", line: "compare field.csv --policy sales.yaml", code: 2},
	{name: "compare without a tenant", line: "compare table.csv --policy two.csv --schema schema.yaml", code: 2},

	{name: "test", line: "test sales.yaml --cover -v"},
	{name: "test failing", line: "test failing.yaml sales.yaml", code: 1},
	{name: "test json", line: "test failing.yaml --json", code: 1},
	{name: "test junit", line: "test failing.yaml --junit", code: 1},
	{name: "test coverage", line: "test sales.yaml --cover-rules 100 --cover-roles 50", code: 1},
	{name: "test without a test", line: "test untested.yaml", code: 2},
	{name: "test missing", line: "test missing/*.yaml", code: 2},

	{name: "diff", line: "diff policy.yaml newer.yaml --schema schema.yaml --later 1", code: 1},
	{name: "diff markdown", line: "diff policy.yaml newer.yaml --schema schema.yaml --markdown", code: 1},
	{name: "diff json", line: "diff policy.yaml newer.yaml --schema schema.yaml --json", code: 1},
	{name: "diff of schemas", line: "diff policy.yaml policy.yaml --schema schema.yaml --new-schema new.schema.yaml", code: 1},
	{name: "diff of switches", line: "diff policy.yaml switched.yaml --schema schema.yaml", code: 1},
	{name: "diff of nothing", line: "diff policy.yaml policy.yaml --schema schema.yaml"},
	{name: "diff of nothing markdown", line: "diff policy.yaml policy.yaml --schema schema.yaml --markdown"},
	{name: "diff of nothing json", line: "diff policy.yaml policy.yaml --schema schema.yaml --json"},
	{name: "diff of one tenant", line: "diff two.csv policy.yaml --schema schema.yaml --tenant lumen"},
	{name: "diff broken", line: "diff policy.yaml broken.yaml --schema schema.yaml", code: 2},
	{name: "diff json and markdown", line: "diff policy.yaml policy.yaml --schema schema.yaml --json --markdown", code: 2},
	{name: "diff bad time", line: "diff policy.yaml newer.yaml --schema schema.yaml --at yesterday", code: 2},

	{name: "preview", line: "preview policy.yaml --schema schema.yaml --add comes.yaml --remove goes.csv --later 2", code: 1},
	{name: "preview markdown", line: "preview policy.yaml --schema schema.yaml --add comes.yaml --records records.yaml --markdown", code: 1},
	{name: "preview json", line: "preview policy.yaml --schema schema.yaml --remove goes.csv --records records.yaml --json", code: 1},
	{name: "preview of records", line: "preview policy.yaml --schema schema.yaml --remove goes.csv --records records.yaml", code: 1},
	{name: "preview of the base policy", line: "preview policy.yaml --schema schema.yaml --add base.csv", code: 1},
	{name: "preview of what is there", line: "preview policy.yaml --schema schema.yaml --add goes.csv"},
	{name: "preview of a fixture", line: "preview sales.yaml --remove goes.csv", code: 1},
	{name: "preview help", line: "preview --help"},
	{name: "preview both", line: "preview policy.yaml --schema schema.yaml --add goes.csv --remove goes.csv", code: 2},
	{name: "preview without facts", line: "preview policy.yaml --schema schema.yaml", code: 2},
	{name: "preview no facts", line: "preview policy.yaml --schema schema.yaml --add no-facts.csv", code: 2},
	{name: "preview two tenants", line: "preview policy.yaml --schema schema.yaml --add two.csv", code: 2},
	{name: "preview of another tenant", line: "preview policy.yaml --schema schema.yaml --add goes.csv --tenant lumen", code: 2},
	{name: "preview missing file", line: "preview policy.yaml --schema schema.yaml --add missing.csv", code: 2},
	{name: "preview made by an operator", line: "preview policy.yaml --schema schema.yaml --add comes.yaml --made-by operator:me", code: 2},
	{name: "preview bad time", line: "preview policy.yaml --schema schema.yaml --add goes.csv --at yesterday", code: 2},

	{name: "prove", line: "prove policy.yaml --schema schema.yaml --file statements.txt", code: 1},
	{name: "prove json", line: "prove policy.yaml --schema schema.yaml --file statements.txt --json", code: 1},
	{name: "prove true", line: "prove two.csv --schema schema.yaml no.one.may.delete.customer"},
	{name: "prove misspelled", line: "prove policy.yaml --schema schema.yaml no.one.in.role:reps.may.read.customer", code: 1},
	{name: "prove nothing", line: "prove policy.yaml --schema schema.yaml", code: 2},
	{name: "prove nonsense", line: "prove policy.yaml --schema schema.yaml nonsense", code: 2},
	{name: "prove unknown action", line: "prove policy.yaml --schema schema.yaml no.one.may.fly.customer", code: 2},
	{name: "prove missing file", line: "prove policy.yaml --schema schema.yaml --file missing.txt", code: 2},
	{name: "prove broken file", line: "prove policy.yaml --schema schema.yaml --file policy.yaml", code: 2},

	{name: "lint", line: "lint lint.yaml --schema schema.yaml", code: 1},
	{name: "lint json", line: "lint lint.yaml --schema schema.yaml --json --fail-on problem", code: 1},
	{name: "lint csv", line: "lint two.csv --schema schema.yaml --fail-on problem"},
	{name: "lint severity", line: "lint lint.yaml --schema schema.yaml --fail-on disaster", code: 2},
	{name: "lint database", line: "lint policy.db --schema schema.yaml"},

	{name: "mutate", line: "mutate sales.yaml", code: 1},
	{name: "mutate json", line: "mutate sales.yaml --json --min-score 10"},
	{name: "mutate against a baseline", line: "mutate sales.yaml --baseline sales.yaml"},
	{name: "mutate against a better baseline", line: "mutate sales.yaml --baseline better.yaml", code: 1},
	{name: "mutate without a baseline", line: "mutate sales.yaml --baseline missing"},
	{name: "mutate against a broken baseline", line: "mutate sales.yaml --baseline broken.yaml", code: 2},
	{name: "mutate failing", line: "mutate failing.yaml", code: 2},
}

func TestCommands(t *testing.T) {
	golden, err := filepath.Abs("testdata/golden")
	check(t, err)
	names := map[string]bool{}
	for _, c := range calls {
		t.Run(c.name, func(t *testing.T) {
			names[c.name] = true
			here := prepare(t)
			out, code := run(t, c.line, c.stdin)
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, out)
			}
			for _, file := range c.shows {
				text, err := os.ReadFile(file)
				check(t, err)
				out += fmt.Sprintf("-- %s --\n%s", file, text)
			}
			compare(t, filepath.Join(golden, strings.NewReplacer(" ", "_", ",", "").Replace(c.name)+".txt"), strings.ReplaceAll(out, here, "HERE"))
		})
	}
	if len(names) != len(calls) && flag.Lookup("test.run").Value.String() == "" {
		t.Error("two calls have the same name")
	}
}

// prepare goes to a directory with the files of testdata, exports of CRM products, and databases
// of two of the files.
func prepare(t *testing.T) string {
	t.Helper()
	here := t.TempDir()
	check(t, os.CopyFS(here, os.DirFS("testdata/files")))
	for _, product := range []string{"zoho", "hubspot", "fxiaoke"} {
		check(t, os.CopyFS(filepath.Join(here, product), os.DirFS(filepath.Join("../../../../../testdata/crm", product, "export"))))
	}
	t.Chdir(here)
	database(t, "policy.db", [][]string{{"p", "role:rep", "acme", "customer", "read", "allow", "-"}, {"g", "user:alice", "role:rep", "acme", "-", "", ""}})
	database(t, "casbin.db", [][]string{{"p", "admin", "acme", "customer", "read", "", ""}, {"p", "admin", "acme", "customer", "", "", ""}, {"g", "alice", "admin", "acme", "", "", ""}})
	return here
}

func database(t *testing.T, path string, rows [][]string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	check(t, err)
	defer db.Close()
	_, err = db.Exec("CREATE TABLE casbin_rule (id integer PRIMARY KEY, ptype varchar(100), v0 varchar(100), v1 varchar(100), v2 varchar(100), v3 varchar(100), v4 varchar(100), v5 varchar(100));" +
		"CREATE UNIQUE INDEX idx_casbin_rule ON casbin_rule (ptype, v0, v1, v2, v3, v4, v5)")
	check(t, err)
	for _, r := range rows {
		_, err := db.Exec("INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) VALUES (?, ?, ?, ?, ?, ?, ?)", r[0], r[1], r[2], r[3], r[4], r[5], r[6])
		check(t, err)
	}
}

// run runs a command line, and returns what it writes to both its outputs.
func run(t *testing.T, line, stdin string) (string, int) {
	t.Helper()
	var out, errors bytes.Buffer
	env := command.Env{
		In: strings.NewReader(stdin), Out: &out, Err: &errors, Terminal: func(io.Writer) bool { return false },
		Getenv: func(string) string { return "" },
		Now:    func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) },
	}
	args := strings.Fields(line)
	for i, a := range args {
		if strings.HasPrefix(a, "no.one.") {
			args[i] = strings.ReplaceAll(a, ".", " ")
		}
	}
	code := command.Run(context.Background(), env, args)
	text := "$ crmauthz " + line + "\n" + out.String()
	if errors.Len() > 0 {
		text += "-- standard error --\n" + errors.String()
	}
	return text + fmt.Sprintf("-- exit code %d --\n", code), code
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		check(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	check(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got (-update writes it):\n%s", diff)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is called JSON and XML is.
func TestFormats(t *testing.T) {
	for _, c := range calls {
		if c.code == command.Unusable || !strings.Contains(c.line, "--json") && !strings.Contains(c.line, "--junit") {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			prepare(t)
			text, _ := run(t, c.line, c.stdin)
			_, text, _ = strings.Cut(text, "\n")
			text, _, _ = strings.Cut(text, "-- exit code")
			var err error
			if strings.Contains(c.line, "--junit") {
				err = xml.Unmarshal([]byte(text), new(struct{}))
			} else {
				err = json.Unmarshal([]byte(text), new(any))
			}
			if err != nil {
				t.Errorf("%v in\n%s", err, text)
			}
		})
	}
}

// No password of an address comes out, whatever is wrong with it.
func TestPasswordsAreNotShown(t *testing.T) {
	prepare(t)
	for _, address := range []string{
		"postgres://u:secret@127.0.0.1:1/db", "postgres://u:secret@%zz/db", "postgresql://u:secret@[::1/db", "postgres://u:secret@host:port/db",
		"mysql://u:secret@127.0.0.1:1/db", "mysql://u:secret@%zz/db", "mysql://u:secret@127.0.0.1:1", "u:secret@tcp(127.0.0.1:1)/db", "u:secret@tcp(127.0.0.1:1", "u:secret@tcp(127.0.0.1:1)/",
		"u:secret@unix(/nowhere)/db",
	} {
		for _, line := range []string{"doctor ", "explain --schema schema.yaml user:a read customer "} {
			out, code := run(t, line+address, "")
			_, out, _ = strings.Cut(out, "\n")
			if code != command.Unusable || strings.Contains(out, "secret") {
				t.Errorf("%s: exit code %d\n%s", address, code, out)
			}
		}
	}
}

// What is interrupted ends, and says why.
func TestInterrupted(t *testing.T) {
	prepare(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, line := range []string{"doctor policy.db", "test sales.yaml", "mutate sales.yaml", "diff policy.yaml newer.yaml --schema schema.yaml",
		"import zoho zoho", "compare agrees.csv --policy sales.yaml"} {
		var out bytes.Buffer
		env := command.Env{In: &out, Out: &out, Err: &out, Terminal: func(io.Writer) bool { return false }, Getenv: os.Getenv, Now: time.Now}
		if code := command.Run(ctx, env, strings.Fields(line)); code != command.Unusable || !strings.Contains(out.String(), "canceled") {
			t.Errorf("%s: exit code %d: %s", line, code, out.String())
		}
	}
}

// Colours are for people who look at a terminal and have not said that they want none.
func TestColours(t *testing.T) {
	prepare(t)
	for _, c := range []struct {
		name, line string
		terminal   bool
		env        map[string]string
		colours    bool
	}{
		{"terminal", "test sales.yaml", true, nil, true},
		{"file", "test sales.yaml", false, nil, false},
		{"none wanted", "test sales.yaml", true, map[string]string{"NO_COLOR": "1"}, false}, //nolint:misspell // so it is called
		{"dumb terminal", "test sales.yaml", true, map[string]string{"TERM": "dumb"}, false},
		{"JSON", "test sales.yaml --json", true, nil, false},
		{"doctor", "doctor casbin.csv", true, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			env := command.Env{In: &out, Out: &out, Err: io.Discard, Terminal: func(io.Writer) bool { return c.terminal },
				Getenv: func(name string) string { return c.env[name] }, Now: time.Now}
			command.Run(t.Context(), env, strings.Fields(c.line))
			if got := strings.Contains(out.String(), "\x1b["); got != c.colours || out.Len() == 0 {
				t.Errorf("colours: %v, want %v in\n%s", got, c.colours, out.String())
			}
		})
	}
}

// Long work tells how far it is, on the standard error only: on a terminal in one line, elsewhere
// in several. The clock here makes all work long.
func TestProgress(t *testing.T) {
	prepare(t)
	var rows strings.Builder
	for i := range 15 {
		fmt.Fprintf(&rows, "p, role:r, t, d%d, a%d, allow\ng, user:u%d, role:r, t\n", i, i, i)
	}
	check(t, os.WriteFile("big.csv", []byte(rows.String()), 0o600))
	for _, terminal := range []bool{true, false} {
		var out, errors bytes.Buffer
		now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		env := command.Env{In: &out, Out: &out, Err: &errors, Terminal: func(io.Writer) bool { return terminal }, Getenv: os.Getenv,
			Now: func() time.Time { now = now.Add(10 * time.Second); return now }}
		if code := command.Run(t.Context(), env, strings.Fields(fmt.Sprintf("doctor big.csv --import %v.yaml", terminal))); code != command.OK {
			t.Fatalf("exit code %d: %s%s", code, out.String(), errors.String())
		}
		text := "questions to both: 1000 of 3375\nquestions to both: 2000 of 3375\nquestions to both: 3000 of 3375\n"
		if terminal {
			text = strings.NewReplacer("questions", "\r\x1b[Kquestions", "\n", "").Replace(text) + "\r\x1b[K"
		}
		if diff := cmp.Diff(text, errors.String()); diff != "" || strings.Contains(out.String(), "questions to both") {
			t.Errorf("terminal %v: -want +got:\n%s", terminal, diff)
		}
	}
}
