package gormstore

import (
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/model"
)

// linesInPart is how many lines of an entry one row of crmauthz_change_lines has at most.
const linesInPart = 1000

// timeFormat is how the log writes times, in UTC: people can read it, texts
// sort as times do, and no database's idea of time zones comes in between.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// keep logs an entry.
func keep(tx *gorm.DB, e adapter.Entry) error {
	err := exec(tx, 1, "INSERT INTO crmauthz_changes (tenant, revision, id, actor, reason, at) VALUES (?, ?, ?, ?, ?, ?)",
		e.Tenant, e.Revision, e.ID, e.Actor, e.Reason, e.At.Format(timeFormat))
	remove, add := e.Remove, e.Add
	for part := 0; err == nil && len(remove)+len(add) > 0; part++ {
		r := min(len(remove), linesInPart)
		a := min(len(add), linesInPart-r)
		err = exec(tx, 1, "INSERT INTO crmauthz_change_lines (tenant, revision, part, removed, added) VALUES (?, ?, ?, ?, ?)",
			e.Tenant, e.Revision, part, spell(remove[:r]), spell(add[:a]))
		remove, add = remove[r:], add[a:]
	}
	return err
}

// changes returns the entries after a revision.
func changes(tx *gorm.DB, tenant string, after model.Revision, limit int) ([]adapter.Entry, error) {
	row, err := revision(tx, tenant, "")
	if err != nil {
		return nil, err
	}
	now, err := revisionNow(tx, tenant, row, "")
	if err != nil || after >= now {
		return nil, err
	}
	rest, args := "revision > ? ORDER BY revision", []any{after}
	if limit > 0 {
		rest, args = rest+" LIMIT ?", append(args, limit)
	}
	es, err := entries(tx, "", tenant, rest, args...)
	if err != nil {
		return nil, err
	}
	if len(es) == 0 {
		return nil, adapter.ErrLogCut
	}
	for i, e := range es {
		if e.Revision != after+model.Revision(i)+1 {
			return nil, adapter.ErrLogCut
		}
	}
	return es, nil
}

// entries reads the entries of a tenant that the rest of a SELECT chooses,
// oldest first.
func entries(tx *gorm.DB, hold, tenant, rest string, args ...any) ([]adapter.Entry, error) {
	var es []adapter.Entry
	err := query(tx, func(scan func(...any) error) error {
		e := adapter.Entry{Change: adapter.Change{Tenant: tenant}}
		var at string
		err := scan(&e.Revision, &e.ID, &e.Actor, &e.Reason, &at)
		if err == nil {
			e.At, err = time.Parse(timeFormat, at)
		}
		e.Base = e.Revision - 1
		es = append(es, e)
		return err
	}, "SELECT revision, id, actor, reason, at FROM crmauthz_changes WHERE tenant = ? AND "+rest+hold, append([]any{tenant}, args...)...)
	if err != nil || len(es) == 0 {
		return nil, err
	}
	return es, readLines(tx, hold, es)
}

// readLines reads the lines of entries of one tenant, oldest first.
func readLines(tx *gorm.DB, hold string, es []adapter.Entry) error {
	i := 0
	return query(tx, func(scan func(...any) error) error {
		var r model.Revision
		var removed, added string
		if err := scan(&r, &removed, &added); err != nil {
			return err
		}
		for i < len(es)-1 && es[i].Revision != r {
			i++
		}
		var err error
		if es[i].Remove, err = parse(es[i].Remove, removed); err == nil {
			es[i].Add, err = parse(es[i].Add, added)
		}
		if err != nil {
			return fmt.Errorf("log entry of revision %d: %w", r, err)
		}
		return nil
	}, "SELECT revision, removed, added FROM crmauthz_change_lines WHERE tenant = ? AND revision BETWEEN ? AND ? ORDER BY revision, part"+hold,
		es[0].Tenant, es[0].Revision, es[len(es)-1].Revision)
}

// spell writes lines as JSON: [["g","user:alice","role:rep","acme","-"]].
func spell(ls []model.Line) string {
	rows := make([][]string, len(ls))
	for i, l := range ls {
		rows[i] = append([]string{string(l.Section)}, l.Columns()...)
	}
	text, err := json.Marshal(rows)
	if err != nil {
		panic(err) // strings are always JSON
	}
	return string(text)
}

// parse appends the lines that spell wrote.
func parse(ls []model.Line, text string) ([]model.Line, error) {
	var rows [][]string
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, err
	}
	for _, row := range rows {
		var l model.Line
		if len(row) == 0 || len(row) > 1+len(l.Values) {
			return nil, fmt.Errorf("%q is not a line", row)
		}
		l.Section = model.Section(row[0])
		copy(l.Values[:], row[1:])
		if err := l.Check(); err != nil {
			return nil, err
		}
		ls = append(ls, l)
	}
	return ls, nil
}
