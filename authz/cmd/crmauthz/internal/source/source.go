// Package source reads policies from where a command line says they are: a file
// of YAML or of Casbin's CSV, or the table casbin_rule in SQLite, PostgreSQL,
// MariaDB or MySQL. All but Source.Open only ever reads: no file is made, no table or index
// changed, and databases are asked in transactions that may not write.
package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Kind is the form in which a policy is kept.
type Kind uint8

// The kinds of sources.
const (
	Unknown Kind = iota
	YAML
	CSV
	SQLite
	Postgres
	MySQL // or MariaDB
)

var kindNames = [...]string{Unknown: "unknown", YAML: "YAML", CSV: "CSV", SQLite: "SQLite", Postgres: "PostgreSQL", MySQL: "MySQL"}

func (k Kind) String() string { return kindNames[k] }

// ErrSource: a name that names no policy, or one that cannot be opened.
var ErrSource = errors.New("not a policy")

// Forms tells how a source is named, for the help of commands.
const Forms = `A POLICY is
  policy.yaml                        rules as people write them
  policy.csv                         lines as Casbin writes them
  policy.db, sqlite:PATH             the table casbin_rule in a SQLite file
  postgres://user:password@host/db   in PostgreSQL
  user:password@tcp(host:3306)/db    in MariaDB or MySQL; also mysql://user:password@host/db`

// Source is a place where a policy is kept. The zero Source is none.
type Source struct {
	Kind Kind
	// Name is what to call it in messages; it has no password.
	Name string
	at   string // the path, or what the driver connects by
}

// Parse tells what a name on a command line is, by its form and its ending; of a file with another
// ending, by how it begins. The error matches ErrSource and shows no password.
func Parse(name string) (Source, error) {
	switch {
	case name == "":
		return Source{}, fmt.Errorf("%w: the name is empty", ErrSource)
	case strings.HasPrefix(name, "postgres://"), strings.HasPrefix(name, "postgresql://"):
		u, err := url.Parse(name)
		if err != nil { // the error would show the password
			return Source{}, fmt.Errorf("%w: the address of PostgreSQL is no URL", ErrSource)
		}
		return Source{Postgres, u.Redacted(), name}, nil
	case strings.HasPrefix(name, "mysql://"):
		return parseMySQLURL(name)
	case strings.Contains(name, "@tcp("), strings.Contains(name, "@unix("):
		return parseMySQL(name)
	case strings.HasPrefix(name, "sqlite:"):
		path := strings.TrimPrefix(name, "sqlite:")
		return Source{SQLite, path, path}, nil
	}
	kind, err := kindOfFile(name)
	return Source{kind, name, name}, err
}

// parseMySQLURL reads the form that other tools use, mysql://user:password@host:port/db.
func parseMySQLURL(name string) (Source, error) {
	u, err := url.Parse(name)
	if err != nil || u.Host == "" {
		return Source{}, fmt.Errorf("%w: the address of MySQL is no URL", ErrSource)
	}
	c := mysql.NewConfig()
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.Net, c.Addr, c.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	if u.Port() == "" {
		c.Addr += ":3306"
	}
	return mysqlSource(c)
}

func parseMySQL(name string) (Source, error) {
	c, err := mysql.ParseDSN(name)
	if err != nil {
		return Source{}, fmt.Errorf("%w: address of MySQL: %w", ErrSource, err)
	}
	return mysqlSource(c)
}

func mysqlSource(c *mysql.Config) (Source, error) {
	if c.DBName == "" {
		return Source{}, fmt.Errorf("%w: the address of MySQL names no database", ErrSource)
	}
	dsn := c.FormatDSN()
	if c.Passwd != "" {
		c.Passwd = "xxxxx"
	}
	return Source{MySQL, c.FormatDSN(), dsn}, nil
}

var kindOfEnding = map[string]Kind{
	".yaml": YAML, ".yml": YAML, ".csv": CSV, ".db": SQLite, ".sqlite": SQLite, ".sqlite3": SQLite,
}

func kindOfFile(path string) (Kind, error) {
	if kind := kindOfEnding[strings.ToLower(filepath.Ext(path))]; kind != Unknown {
		return kind, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return Unknown, fmt.Errorf("%w: %w", ErrSource, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	const magic = "SQLite format 3\x00"
	start := make([]byte, len(magic))
	if _, err := io.ReadFull(f, start); err == nil && bytes.Equal(start, []byte(magic)) {
		return SQLite, nil
	}
	return Unknown, fmt.Errorf("%w: %s: a file of a policy ends with .yaml, .csv or .db", ErrSource, path)
}
