package crm_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The descriptions on the page of five products are those of the fixtures, which pass.
func TestPageHasTheFixturesOrganisations(t *testing.T) {
	page, err := os.ReadFile("../../../../../examples/five-crms.md")
	if err != nil {
		t.Fatal(err)
	}
	for product := range products {
		fixture, err := os.ReadFile("../../../../../testdata/crm/" + product + "/five-crms.yaml")
		if err != nil {
			t.Fatal(err)
		}
		_, want, _ := strings.Cut(string(fixture), "\norganisation:\n")
		want, _, _ = strings.Cut(want, "\nnow:")
		want = strings.ReplaceAll(strings.TrimPrefix(want, "  "), "\n  ", "\n") + "\n"
		_, got, found := strings.Cut(string(page), "```yaml\n# "+product+"\n")
		got, _, _ = strings.Cut(got, "```")
		if diff := cmp.Diff(want, got); diff != "" || !found {
			t.Errorf("%s (-fixture +page)\n%s", product, diff)
		}
	}
}
