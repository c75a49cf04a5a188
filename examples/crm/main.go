// Command crm is a small CRM over HTTP that lives on crmauthz: customers, their people and deals, teams,
// and pages on which an administrator says who may do what. Log in as any of eight people by a click.
//
//	go run ./examples/crm
//
// It keeps everything in an SQLite database in a temporary directory, in a file (-sqlite crm.db), or in
// PostgreSQL (-postgres postgres://…): the CRM's own tables, and the policy beside them. An empty database
// gets two made-up companies.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"gorm.io/driver/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until the context ends. It writes the address to w once it is served.
func run(ctx context.Context, args []string, w io.Writer) (err error) {
	flags := flag.NewFlagSet("crm", flag.ContinueOnError)
	address := flags.String("addr", "127.0.0.1:8080", "address to serve at")
	file := flags.String("sqlite", "", "file of the SQLite `database`; without it, one in a temporary directory")
	dsn := flags.String("postgres", "", "`address` of a PostgreSQL database, in place of SQLite")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dsn == "" && *file == "" {
		dir, failed := os.MkdirTemp("", "crmauthz-crm")
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		*file = filepath.Join(dir, "crm.db")
	}
	dialector := sqliteFile(*file)
	if *dsn != "" {
		dialector = postgres.Open(*dsn)
	}
	db, err := openDatabase(ctx, dialector, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	handler, err := newServer(db, time.Now)
	if err != nil {
		return err
	}
	return serve(ctx, *address, handler, w)
}

func serve(ctx context.Context, address string, handler http.Handler, w io.Writer) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "crm: http://%s\n", listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
	ended := make(chan error, 1)
	go func() { // ends with the context, or when Serve does
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		ended <- server.Shutdown(patience)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}
