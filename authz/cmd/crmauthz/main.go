// Command crmauthz reviews access policies as other tools review code: it tests, compares,
// proves, explains and formats them, and finds what is wrong with old ones. Run it with --help.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/crmauthz/crmauthz/authz/cmd/crmauthz/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	env := command.Env{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Terminal: isTerminal, Getenv: os.Getenv, Now: time.Now}
	code := command.Run(ctx, env, os.Args[1:])
	stop()
	os.Exit(code)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
