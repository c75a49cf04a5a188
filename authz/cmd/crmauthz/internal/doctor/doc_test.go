package doctor_test

import (
	"os"
	"strings"
	"testing"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/doctor"
)

// The documentation names each trap, and the table has each once.
func TestTheDocumentationNamesEveryTrap(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	check(t, err)
	doc, _, _ := strings.Cut(string(text), "package doctor\n")
	seen := map[string]bool{}
	for _, trap := range doctor.Traps {
		if seen[trap.ID] {
			t.Errorf("%s stands twice in the table", trap.ID)
		}
		seen[trap.ID] = true
		if !strings.Contains(doc, trap.ID+",") && !strings.Contains(doc, trap.ID+".") {
			t.Errorf("the documentation does not name %s", trap.ID)
		}
	}
}
