// Package storetest tests what authorizers promise of switches, backups and restoring on every kind of store:
// in memory, SQLite, PostgreSQL and MariaDB, by random sequences and by killing the process. It has tests only.
package storetest
