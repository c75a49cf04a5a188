// Package command is the command line of crmauthz: a command a file, on top of
// authz and of the packages that do the work.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	OK       = 0 // fine
	Findings = 1 // done, and there is something to look at: a denial, a difference, a failed test
	Unusable = 2 // wrong usage, or what was named cannot be read
)

// errFindings ends a command with the exit code Findings. What there is to say has been said.
var errFindings = errors.New("there are findings")

// Env is what a command has to do with the world.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal func(io.Writer) bool // tells whether a person looks at it
	Getenv   func(string) string
	Now      func() time.Time
}

// Run runs a command line and returns its exit code.
func Run(ctx context.Context, env Env, args []string) int {
	root := newRoot(&env)
	root.SetArgs(args)
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return OK
	case errors.Is(err, errFindings):
		return Findings
	}
	fmt.Fprintf(env.Err, "%s: %v\n", cmd.CommandPath(), printable(steady(err.Error()))) //nolint:errcheck // there is nobody left to tell
	if errors.As(err, new(usageError)) {
		fmt.Fprintf(env.Err, "See %s --help\n", cmd.CommandPath()) //nolint:errcheck // there is nobody left to tell
	}
	return Unusable
}

// usageError is wrong usage.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// printable is text without what would move a terminal's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return '\uFFFD'
		}
		return r
	}, s)
}

const longHelp = `crmauthz reviews access policies as other tools review code.

Exit codes: 0 fine; 1 done, and there is something to look at (a denial, a
finding, a failed test, a difference); 2 wrong usage, or something cannot be read.`

func newRoot(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:           "crmauthz",
		Short:         "Test, explain, format and examine access policies",
		Long:          longHelp,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(testCommand(env), mutateCommand(env), diffCommand(env), previewCommand(env), proveCommand(env), lintCommand(env), explainCommand(env), whoCommand(env), formatCommand(env), doctorCommand(env), importCommand(env), compareCommand(env), backupCommand(env), restoreCommand(env), switchCommand(env))
	for _, cmd := range root.Commands() {
		checkArgs := cmd.Args
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := checkArgs(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	return root
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
