package authzgorm

import (
	"context"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// maxPage is the most rows that a page has.
const maxPage = 1000

// Order is a field of the model by which a list is sorted. NULL comes before everything else, or
// with Desc behind it.
type Order struct {
	Field string // as in Go
	Desc  bool
}

// PageQuery asks for a page of a list.
type PageQuery struct {
	Size  int     // rows of a page, 1 to 1000
	After string  // Next of the page before; empty: the first page
	Order []Order // and then by the primary key, in the direction of the last
}

// Page is some rows of a list.
type Page[T any] struct {
	Rows []T
	Next string // After of the next page; empty: this is the last
}

// FindPage reads a page of a list of models. It begins behind the last row of the page
// before, by its values, so the pages stay right whatever is inserted, deleted, granted or revoked
// between them: a row that is there, and allowed, throughout, and keeps its values, comes exactly once.
//
// db has the conditions and the context, and may join, preload and select. With the plugin, rows are
// hers and redacted, as with Find; where its filter is not complete, rows are checked one by one, and
// more are read until the page is full. Without it, all rows are of the list.
//
// The errors are an *[Error] that matches model.ErrMalformed for a wrong size or field, and for a db or a scope of
// it that sorts, limits, groups, or leaves out the columns that the list is sorted by; a *[CursorError], and
// those of Find; authz.ErrFields for a field that may be sorted by and is shown masked, which a cursor would tell.
func FindPage[T any](db *gorm.DB, q PageQuery) (Page[T], error) {
	p, err := newPager[T](db, q)
	if err != nil {
		return Page[T]{}, err
	}
	after, err := p.decode(q.After)
	if err != nil {
		return Page[T]{}, err
	}
	var rows []T
	var raw []any // the same before they were redacted, if they were
	for wanted := q.Size + 1; ; wanted = min(2*wanted, maxPage+1) {
		some, state, err := findRows[T](p, db, p.behind(after), wanted)
		if err != nil {
			return Page[T]{}, err
		}
		rows, raw = append(rows, some...), append(raw, state.rows...)
		if len(rows) > q.Size || state.read < wanted {
			break
		}
		if after, err = p.values(reflect.ValueOf(state.last)); err != nil {
			return Page[T]{}, err
		}
		if err := settle[T](p, db, after); err != nil {
			return Page[T]{}, err
		}
	}
	if len(rows) <= q.Size {
		return Page[T]{Rows: rows}, nil
	}
	rows = rows[:q.Size]
	next, err := nextOf[T](p, db, rows[q.Size-1], raw[q.Size-1])
	return Page[T]{Rows: rows, Next: next}, err
}

// findRows reads as many of db's rows of which a condition is true as are wanted, and tells what they were before the plugin
// dropped and redacted some.
func findRows[T any](p *pager, db *gorm.DB, by clause.Expression, wanted int) ([]T, *pageState, error) {
	state := &pageState{}
	var rows []T
	tx := p.from(db, by).WithContext(context.WithValue(db.Statement.Context, pageKey{}, state)).Limit(wanted).Find(&rows)
	if tx.Error != nil {
		return nil, nil, tx.Error
	}
	if err := p.checkRead(tx.Statement, by, wanted); err != nil {
		return nil, nil, err
	}
	if !state.guarded {
		state.read = len(rows)
		for i := range rows {
			state.rows = append(state.rows, rows[i])
		}
		if len(rows) > 0 {
			state.last = rows[len(rows)-1]
		}
	}
	return rows, state, nil
}

// nextOf is the cursor of the rows behind one that is seen, perhaps, otherwise than it is.
func nextOf[T any](p *pager, db *gorm.DB, seen, is any) (string, error) {
	shown, err := p.values(reflect.ValueOf(seen))
	if err != nil {
		return "", err
	}
	values, err := p.values(reflect.ValueOf(is))
	if err != nil {
		return "", err
	}
	if err := p.same(shown, values); err != nil {
		return "", err
	}
	if err := settle[T](p, db, values); err != nil {
		return "", err
	}
	return p.encode(values)
}

// settle puts NULL for the values that are zero in the model and NULL in the database.
func settle[T any](p *pager, db *gorm.DB, values []any) error {
	row := slices.Clone(values)
	for i, k := range p.keys {
		if !k.blurs || !sameValue(row[i], k.zero) {
			continue
		}
		_, state, err := findRows[T](p, db, p.isNull(k, row), 1)
		if err != nil {
			return err
		}
		if state.read > 0 {
			values[i] = nil
		}
	}
	return nil
}

// pageState is what the plugin tells FindPage of a query.
type pageState struct {
	statement *gorm.Statement // the query
	guarded   bool
	read      int   // rows, those among them that were dropped
	last      any   // of these
	rows      []any // that were not dropped, before they were redacted
}

type pageKey struct{}

func stateOf(ctx context.Context) *pageState {
	s, _ := ctx.Value(pageKey{}).(*pageState)
	return s
}
