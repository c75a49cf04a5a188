// Package gormstore keeps policies in a database, through GORM: SQLite, which
// it brings along ([Open]), PostgreSQL and MySQL or MariaDB ([New], with the
// caller's driver). It needs PostgreSQL 12, MariaDB 10.2 or MySQL 8.0.17, or newer ones.
//
// # Tables
//
// The lines are rows of casbin_rule, exactly as gorm-adapter/v3 makes it, so
// that every Casbin program can read them; two indexes on it are ours. Beside it
// stand tables of our own: crmauthz_tenants has each tenant's revision,
// crmauthz_changes the log of changes, crmauthz_change_lines the lines that
// each of them removed and added, as JSON, and crmauthz_proposals the changes that are
// not made yet.
//
// A change is one transaction, in which the tenant's revision is locked, and
// everything is compared with what is really stored. Deadlocks, busy databases
// and lost connections are tried again a few times. If Apply returns another
// error than ErrConflict or a refusal, the connection may have broken while the
// change was committed: repeat it with the same ID, and it is made once.
//
// # Beside other Casbin programs
//
// A tenant with lines that nobody changed through a Store is at revision 1.
// What another program adds to casbin_rule or removes from it, Load sees, but
// neither the revision nor the log tells of it. A row that is no line of
// crmauthz (another ptype, a column missing, a mistyped effect) is never passed
// over: what meets it returns a [*RowError].
//
// On MySQL and MariaDB all text is compared byte by byte, so that Alice and
// alice, or josé and jose, stay two people. New changes the tables' collation
// to this, also that of a casbin_rule that it finds.
package gormstore
