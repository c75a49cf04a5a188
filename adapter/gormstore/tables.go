package gormstore

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

// Of what one statement is made: few enough parameters, terms and bytes for
// every database.
const (
	linesInQuery = 100
	idsInQuery   = 500
)

const (
	ruleColumns = "id, COALESCE(ptype, ''), COALESCE(v0, ''), COALESCE(v1, ''), COALESCE(v2, ''), COALESCE(v3, ''), COALESCE(v4, ''), COALESCE(v5, '')"
	// The tenant stands in v2 of a membership or org edge and in v1 of every other line.
	// A ptype that is not ours is looked for in both, so that Load meets it.
	tenantInV1 = "COALESCE(ptype, '') NOT IN ('g', 'g2')"
	tenantInV2 = "COALESCE(ptype, '') NOT IN ('p', 'p2', 'p3', 'p4')"
)

// errUnchanged: the transaction has nothing to write.
var errUnchanged = errors.New("nothing changes")

// query runs a SELECT and hands each row to f, which reads it with scan.
func query(tx *gorm.DB, f func(scan func(...any) error) error, sql string, args ...any) (err error) {
	rows, err := tx.Raw(sql, args...).Rows()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exec runs a statement that must write so many rows.
func exec(tx *gorm.DB, want int, sql string, args ...any) error {
	done := tx.Exec(sql, args...)
	if done.Error == nil && done.RowsAffected != int64(want) {
		return errRaced
	}
	return done.Error
}

// scanRule reads a row of casbin_rule.
func scanRule(scan func(...any) error) (id int64, l model.Line, err error) {
	v := &l.Values
	err = scan(&id, &l.Section, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5])
	return id, l, err
}

// load reads a tenant's policy. In a transaction that may go on to write it is
// held: nobody else changes it before that ends. The base policy, which every
// tenant's transaction may read, is then held against writers only.
func load(tx *gorm.DB, tenant string, held bool) (s adapter.Snapshot, err error) {
	holdRevision, holdLines := "", ""
	if held && !isSQLite(tx) {
		holdRevision, holdLines = " FOR UPDATE", share(tx)
		if tenant == model.Base {
			holdRevision = " FOR SHARE"
			if isMySQL(tx) {
				holdRevision = share(tx)
			}
		}
	}
	row, err := revision(tx, tenant, holdRevision)
	if err != nil {
		return s, err
	}
	if s.Lines, err = lines(tx, tenant, holdLines); err != nil {
		return s, err
	}
	s.Revision = adopted(row, len(s.Lines) > 0)
	return s, nil
}

// share ends a SELECT in a transaction that writes. Only MySQL needs it: it
// might else answer from before the tenant was locked.
func share(tx *gorm.DB) string {
	if isMySQL(tx) {
		return " LOCK IN SHARE MODE"
	}
	return ""
}

// adopted is the revision of a tenant whose row says so: without a row, it is at
// 1 if there are lines that a Casbin program left.
func adopted(row model.Revision, hasLines bool) model.Revision {
	if row == 0 && hasLines {
		return 1
	}
	return row
}

// revision is that of a tenant's row, or 0.
func revision(tx *gorm.DB, tenant, hold string) (r model.Revision, err error) {
	err = query(tx, func(scan func(...any) error) error { return scan(&r) },
		"SELECT revision FROM crmauthz_tenants WHERE tenant = ?"+hold, tenant)
	return r, err
}

// lines are those of a tenant.
func lines(tx *gorm.DB, tenant, hold string) (ls []model.Line, err error) {
	read := func(scan func(...any) error) error {
		id, l, err := scanRule(scan)
		if err != nil {
			return err
		}
		if err := l.Check(); err != nil {
			return &RowError{id, err}
		}
		ls = append(ls, l)
		return nil
	}
	for _, where := range []string{"v1 = ? AND " + tenantInV1, "v2 = ? AND " + tenantInV2} {
		if err := query(tx, read, "SELECT "+ruleColumns+" FROM casbin_rule WHERE "+where+hold, tenant); err != nil {
			return nil, err
		}
	}
	return ls, nil
}

// tenants are the names of those with a revision above 0. stray is an error
// about the first row that belongs to none.
func tenants(tx *gorm.DB) (names []string, stray, err error) {
	known := map[string]bool{}
	err = query(tx, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		known[name] = true
		return err
	}, "SELECT tenant FROM crmauthz_tenants WHERE revision > 0")
	if err != nil {
		return nil, nil, err
	}
	first := int64(math.MaxInt64)
	for column, where := range map[string]string{"v1": "ptype IN ('p', 'p2', 'p3', 'p4')", "v2": "ptype IN ('g', 'g2')"} {
		err := query(tx, func(scan func(...any) error) error {
			var name string
			var id int64
			if err := scan(&name, &id); err != nil {
				return err
			}
			if model.CheckTenant(name) != nil {
				first = min(first, id)
			} else {
				known[name] = true
			}
			return nil
		}, "SELECT COALESCE("+column+", ''), MIN(id) FROM casbin_rule WHERE "+where+" GROUP BY "+column)
		if err != nil {
			return nil, nil, err
		}
	}
	stray, err = strayRow(tx, first)
	return slices.Collect(maps.Keys(known)), stray, err
}

// strayRow is an error about the row with this id, or about the first whose
// ptype is not ours, if there is either.
func strayRow(tx *gorm.DB, id int64) (stray, err error) {
	err = query(tx, func(scan func(...any) error) error {
		id, l, err := scanRule(scan)
		if err == nil {
			stray = &RowError{id, l.Check()}
		}
		return err
	}, "SELECT "+ruleColumns+" FROM casbin_rule WHERE id = ? OR "+tenantInV1+" AND "+tenantInV2+" ORDER BY id LIMIT 1", id)
	return stray, err
}

// apply makes a change, or returns errUnchanged with the entry of a change
// that was made before or changes nothing.
func apply(tx *gorm.DB, c adapter.Change) (adapter.Entry, error) {
	row, err := lock(tx, c.Tenant)
	if err != nil {
		return adapter.Entry{}, err
	}
	if made, err := entries(tx, share(tx), c.Tenant, "id = ?", c.ID); err != nil {
		return adapter.Entry{}, err
	} else if len(made) > 0 {
		return made[0], errUnchanged
	}
	now, err := revisionNow(tx, c.Tenant, row, share(tx))
	if err != nil {
		return adapter.Entry{}, err
	}
	if c.Base != now {
		return adapter.Entry{}, adapter.ErrConflict
	}
	stored, err := stored(tx, slices.Concat(c.Remove, c.Add))
	if err != nil {
		return adapter.Entry{}, err
	}
	c.Remove = slices.DeleteFunc(c.Remove, func(l model.Line) bool { return stored[l] == nil })
	c.Add = slices.DeleteFunc(c.Add, func(l model.Line) bool { return stored[l] != nil })
	if len(c.Remove)+len(c.Add) == 0 {
		return adapter.Entry{Change: c, Revision: now}, errUnchanged
	}
	e := adapter.Entry{Change: c, Revision: now + 1}
	if err := remove(tx, c.Remove, stored); err != nil {
		return adapter.Entry{}, err
	}
	if err := add(tx, c.Add); err != nil {
		return adapter.Entry{}, err
	}
	if err := keep(tx, e); err != nil {
		return adapter.Entry{}, err
	}
	return e, exec(tx, 1, "UPDATE crmauthz_tenants SET revision = ? WHERE tenant = ? AND revision = ?", e.Revision, c.Tenant, row)
}

// lock makes the tenant's row, if there is none, and holds it until the
// transaction ends; it returns the row's revision. It writes first, so that
// SQLite takes the write lock before it looks at anything.
func lock(tx *gorm.DB, tenant string) (model.Revision, error) {
	insert, hold := "INSERT INTO crmauthz_tenants (tenant, revision) VALUES (?, 0) ON CONFLICT (tenant) DO NOTHING", " FOR UPDATE"
	switch {
	case isMySQL(tx):
		insert = "INSERT INTO crmauthz_tenants (tenant, revision) VALUES (?, 0) ON DUPLICATE KEY UPDATE tenant = tenant"
	case isSQLite(tx):
		hold = ""
	}
	if err := tx.Exec(insert, tenant).Error; err != nil {
		return 0, err
	}
	return revision(tx, tenant, hold)
}

// revisionNow is the revision of a tenant whose row says so.
func revisionNow(tx *gorm.DB, tenant string, row model.Revision, hold string) (model.Revision, error) {
	if row > 0 {
		return row, nil
	}
	found := false
	for _, where := range []string{"v1 = ? AND " + tenantInV1, "v2 = ? AND " + tenantInV2} {
		err := query(tx, func(scan func(...any) error) error {
			found = true
			return nil
		}, "SELECT id FROM casbin_rule WHERE "+where+" LIMIT 1"+hold, tenant)
		if err != nil {
			return 0, err
		}
	}
	return adopted(0, found), nil
}

// stored finds which of the lines are in the table, with the ids of their
// rows: several, if the same line was stored with NULL for an empty value too.
func stored(tx *gorm.DB, ls []model.Line) (map[model.Line][]int64, error) {
	ids := make(map[model.Line][]int64, len(ls))
	for some := range slices.Chunk(ls, linesInQuery) {
		var where strings.Builder
		var args []any
		for i, l := range some {
			if i > 0 {
				where.WriteString(" OR ")
			}
			where.WriteString("(ptype = ?")
			args = append(args, string(l.Section))
			for column, value := range l.Columns() {
				fmt.Fprintf(&where, " AND v%d = ?", column)
				args = append(args, value)
			}
			where.WriteString(")")
		}
		err := query(tx, func(scan func(...any) error) error {
			id, l, err := scanRule(scan)
			ids[l] = append(ids[l], id)
			return err
		}, "SELECT "+ruleColumns+" FROM casbin_rule WHERE "+where.String()+share(tx), args...)
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// remove deletes the rows of the lines.
func remove(tx *gorm.DB, ls []model.Line, stored map[model.Line][]int64) error {
	var ids []int64
	for _, l := range ls {
		ids = append(ids, stored[l]...)
	}
	for some := range slices.Chunk(ids, idsInQuery) {
		if err := exec(tx, len(some), "DELETE FROM casbin_rule WHERE id IN ?", some); err != nil {
			return err
		}
	}
	return nil
}

// add inserts a row for each line.
func add(tx *gorm.DB, ls []model.Line) error {
	for some := range slices.Chunk(ls, linesInQuery) {
		var args []any
		for _, l := range some {
			args = append(args, string(l.Section))
			for _, v := range l.Values {
				args = append(args, v)
			}
		}
		rows := strings.Repeat(", (?, ?, ?, ?, ?, ?, ?)", len(some))[2:]
		if err := exec(tx, len(some), "INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, v5) VALUES "+rows, args...); err != nil {
			return err
		}
	}
	return nil
}
