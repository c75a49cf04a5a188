package gormstore

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"

	"github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
)

var (
	// ErrDatabase: the database is not one that this package knows.
	ErrDatabase = errors.New("not a database of this package")
	// ErrSchema: the database, its tables or the connection are not as they have to be.
	ErrSchema = errors.New("the schema does not fit")
	// ErrNoTransaction: Join was given no open transaction.
	ErrNoTransaction = errors.New("not an open transaction")
	// ErrNested: Transaction was called within a transaction of this store.
	ErrNested = errors.New("already within a transaction of the store")
	// ErrNotify: the transaction is committed, but a subscriber that was told of it failed.
	ErrNotify = errors.New("committed, but a subscriber failed")
)

// Error says which operation failed, and for which tenant.
type Error struct {
	Op     string // "open", "load", "apply", …
	Tenant string // empty if the operation is not of one tenant
	Err    error
}

func (e *Error) Error() string {
	s := "gormstore: " + e.Op
	if e.Tenant != "" {
		s += " tenant " + strconv.Quote(e.Tenant)
	}
	return s + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// RowError says which row of casbin_rule is no line of crmauthz.
type RowError struct {
	ID  int64
	Err error // a *model.ValueError that names the column
}

func (e *RowError) Error() string { return fmt.Sprintf("casbin_rule row %d: %v", e.ID, e.Err) }
func (e *RowError) Unwrap() error { return e.Err }

// fail places an error; nil stays nil.
func fail(op, tenant string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{op, tenant, err}
}

// errRaced: another program changed the rows between two statements of ours.
var errRaced = errors.New("the rows have changed meanwhile")

// transient tells whether the same transaction may well succeed when it is
// made again: it lost against another one, or its connection broke.
func transient(err error) bool {
	var state interface{ SQLState() string } // of PostgreSQL's drivers
	var code interface{ Code() int }         // of the SQLite driver
	var number *mysql.MySQLError
	switch {
	case errors.Is(err, errRaced), errors.Is(err, gorm.ErrDuplicatedKey):
		return true
	case errors.As(err, &state):
		return slices.Contains(transientStates, state.SQLState())
	case errors.As(err, &number):
		return slices.Contains(transientNumbers, number.Number)
	case errors.As(err, &code):
		return slices.Contains(transientCodes, code.Code()&0xff) || code.Code() == sqliteUnique
	}
	return connectionLost(err)
}

var (
	transientStates = []string{
		"40001", "40P01", "55P03", // serialization failure, deadlock, lock not available
		"23505",                            // unique violation: another program added the row
		"57P01", "57P02", "08006", "08003", // the server ended the connection, or it broke
	}
	transientNumbers = []uint16{
		1205, 1213, // lock wait timeout, deadlock
		1020,       // the record has changed since it was read
		1062,       // duplicate entry: another program added the row
		1053, 1927, // the server is going down, the connection was killed
	}
	transientCodes = []int{5, 6} // SQLITE_BUSY, SQLITE_LOCKED
)

const sqliteUnique = 2067 // SQLITE_CONSTRAINT_UNIQUE: another program added the row

// connectionLost tells whether an established connection broke. That none can
// be had is not tried again: the database is down.
func connectionLost(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op != "dial"
	}
	for _, lost := range []error{driver.ErrBadConn, mysql.ErrInvalidConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}
