package authz_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block is the first code block of a language that begins so.
func block(t *testing.T, markdown, language, begin string) string {
	t.Helper()
	fence := "```" + language + "\n"
	i := strings.Index(markdown, fence+begin)
	if i < 0 {
		t.Fatalf("no block of %s that begins with %q", language, begin)
	}
	text, _, _ := strings.Cut(markdown[i+len(fence):], "```")
	return text
}

// The program in README is Example, which is run, and what README says it
// prints is what it prints.
func TestReadmesProgramIsTheExample(t *testing.T) {
	readme := readText(t, "../README.md")
	program, output, _ := strings.Cut(readText(t, "example_readme_test.go"), "\t// Output:\n")
	program = strings.NewReplacer("package authz_test", "package main", "func Example()", "func main()").Replace(program) + "}\n"
	if diff := cmp.Diff(program, block(t, readme, "go", "package main")); diff != "" {
		t.Errorf("the program (-example +README)\n%s", diff)
	}
	output = strings.ReplaceAll(strings.TrimSuffix(output, "}\n"), "\t// ", "")
	if diff := cmp.Diff(output, block(t, readme, "text", "user:alice")); diff != "" {
		t.Errorf("what it prints (-example +README)\n%s", diff)
	}
}

func TestReadmesLinksLeadSomewhere(t *testing.T) {
	links := regexp.MustCompile(`\]\(([^)#]+)`).FindAllStringSubmatch(readText(t, "../README.md"), -1)
	if len(links) == 0 {
		t.Fatal("no links found")
	}
	for _, l := range links {
		if strings.Contains(l[1], "://") {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", filepath.FromSlash(l[1]))); err != nil {
			t.Error(err)
		}
	}
}
