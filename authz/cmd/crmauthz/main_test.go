package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The program is built and run as a user would: it needs no file beside it.
func TestProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "crmauthz")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	dir := t.TempDir()
	for file, text := range map[string]string{
		"schema.yaml": "types: {customer: {actions: {read: read}}}\n",
		"policy.yaml": "acme: {rules: [{who: role:rep, may: read, on: customer, scope: all}], members: [{who: user:alice, in: role:rep}]}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		line, want string
		code       int
	}{
		{"explain policy.yaml --schema schema.yaml user:alice read customer/1", "may read customer/1", 0},
		{"explain policy.yaml --schema schema.yaml user:bob read customer/1", "may not read customer/1", 1},
		{"explain policy.yaml", "accepts 4 arg(s)", 2},
		{"completion bash", "bash completion", 0},
		{"--version", "crmauthz version", 0},
	} {
		cmd := exec.CommandContext(t.Context(), program, strings.Fields(c.line)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: exit code %d, want %d; want %q in\n%s", c.line, code, c.code, c.want, out)
		}
	}
}
