package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The recipe of the README is run as it stands there, on a repository of its own and with
// a gh that keeps what it is to post.
func TestRecipe(t *testing.T) {
	for _, program := range []string{"git", "bash"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "crmauthz"), ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	write(t, bin, "gh", "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = --body-file ] && cp \"$2\" ../posted.md; shift; done\n")
	steps := recipe(t)
	for _, c := range []struct {
		name   string
		change map[string]string // of the pull request: files and their texts
		failed []string          // how the steps that fail begin
		posted string
	}{
		{"nothing changes", nil, nil, "Nobody gains or loses anything."},
		{"a rule with its test", map[string]string{
			"policy/policy.yaml":      policyText + "    - {who: role:rep, may: update, on: customer, scope: all}\n",
			"policy/tests/first.yaml": strings.ReplaceAll(testText, "can: [read]", "can: [read, update]") + "  - {who: user:bob, on: customer/1, cannot: [read]}\nusers: {user:bob: {}}\n",
		}, nil, "user:alice | `update` `customer`"},
		{"a rule without a test", map[string]string{
			"policy/policy.yaml": policyText + "    - {who: role:rep, may: update, on: customer, scope: all}\n",
		}, []string{"crmauthz test", "crmauthz mutate"}, "user:alice | `update` `customer`"},
		{"a test is taken away", map[string]string{
			"policy/tests/first.yaml": strings.ReplaceAll(testText, "can: [read]", "cannot: [update]"),
		}, []string{"crmauthz test", "crmauthz mutate"}, "Nobody gains or loses anything."},
		{"out of form", map[string]string{"policy/policy.yaml": strings.ReplaceAll(policyText, "    - {", "    -   {")}, []string{"crmauthz fmt"}, "Nobody gains"},
		{"a rule in vain", map[string]string{
			"policy/policy.yaml": policyText + "    - {who: role:ghost, may: read, on: customer, scope: all}\n",
		}, []string{"crmauthz lint", "crmauthz test", "crmauthz mutate"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := repository(t, c.change)
			var failed []string
			for _, step := range steps {
				if out, ok := bash(t, dir, bin, step); !ok {
					failed = append(failed, step)
					t.Logf("%s\n%s", step, out)
				}
			}
			for i, step := range failed {
				if i >= len(c.failed) || !strings.HasPrefix(step, c.failed[i]) {
					t.Errorf("fails: %s", step)
				}
			}
			if len(failed) != len(c.failed) {
				t.Errorf("%d steps fail, want %v", len(failed), c.failed)
			}
			posted, err := os.ReadFile(filepath.Join(dir, "..", "posted.md"))
			if err != nil || !strings.Contains(string(posted), c.posted) {
				t.Errorf("posted %q, %v; want %q in it", posted, err, c.posted)
			}
		})
	}
}

const (
	schemaText = "types:\n  customer:\n    actions: {read: read, update: write, delete: delete}\n"
	policyText = "acme:\n  members:\n    - {who: user:alice, in: role:rep}\n  rules:\n    - {who: role:rep, may: read, on: customer, scope: all}\n"
	testText   = "schema: ../schema.yaml\nfacts: ../policy.yaml\ntenant: acme\nnow: 2026-11-22T09:00:00Z\nrecords:\n  customer/1: {}\ntests:\n  - {who: user:alice, on: customer/1, can: [read]}\n"
)

// recipe is what the steps run, but for the installation.
func recipe(t *testing.T) (steps []string) {
	t.Helper()
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(readme), "```yaml\n# .github/workflows")
	text, _, _ = strings.Cut("#"+text, "```")
	var workflow struct {
		Jobs map[string]struct{ Steps []struct{ Run string } }
	}
	if err := yaml.Unmarshal([]byte(text), &workflow); err != nil || !found {
		t.Fatalf("no recipe: %v", err)
	}
	for _, s := range workflow.Jobs["policy"].Steps {
		if s.Run != "" && !strings.HasPrefix(s.Run, "go install") {
			steps = append(steps, s.Run)
		}
	}
	if len(steps) != 6 {
		t.Fatalf("the recipe has the steps %q", steps)
	}
	return steps
}

// repository has the policy on the branch that a pull request is for, and the
// change in the work tree.
func repository(t *testing.T, change map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repository")
	write(t, dir, "policy/schema.yaml", schemaText)
	write(t, dir, "policy/policy.yaml", policyText)
	write(t, dir, "policy/tests/first.yaml", testText)
	if out, ok := bash(t, dir, "", "git init -q && git add -A && git -c user.name=x -c user.email=x@example.com commit -qm first && git update-ref refs/remotes/origin/main HEAD"); !ok {
		t.Fatal(out)
	}
	for file, text := range change {
		write(t, dir, file, text)
	}
	return dir
}

func write(t *testing.T, dir, file, text string) {
	t.Helper()
	path := filepath.Join(dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // one of them is a program
		t.Fatal(err)
	}
}

// bash runs a step as GitHub does.
func bash(t *testing.T, dir, bin, step string) (out string, ok bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-eo", "pipefail", "-c", step)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "GITHUB_BASE_REF=main", "NUMBER=1")
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(text), err == nil
}
