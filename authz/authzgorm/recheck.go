package authzgorm

import (
	"reflect"

	"github.com/crmauthz/crmauthz/authz"
)

// rechecked tells whether rows of a filter that is not complete are dropped again: those
// of the statement that FindPage runs, not of others within it.
func (s *statement) rechecked() bool {
	state := stateOf(s.Context)
	if state == nil || s.op != "query" {
		return false
	}
	if state.statement == nil {
		state.statement = s.Statement
	}
	return state.statement == s.Statement
}

// recheck drops the rows that the filter has and the policy does not allow.
func (s *statement) recheck(f *authz.Filter, rows reflect.Value) error {
	if !s.rechecked() {
		return nil
	}
	state := stateOf(s.Context)
	copied := func(row reflect.Value) any {
		c := reflect.New(s.table.schema.ModelType)
		c.Elem().Set(row)
		return c.Interface()
	}
	if state.guarded, state.read = true, rows.Len(); state.read > 0 {
		state.last = copied(reflect.Indirect(rows.Index(rows.Len() - 1)))
	}
	kept := 0
	for i := range rows.Len() {
		row := reflect.Indirect(rows.Index(i))
		ok, err := s.matches(f, row)
		if err != nil {
			return err
		}
		if ok {
			rows.Index(kept).Set(rows.Index(i))
			state.rows = append(state.rows, copied(row))
			kept++
		}
	}
	rows.Set(rows.Slice(0, kept))
	return nil
}

// matches asks the policy about a row that a filter has.
func (s *statement) matches(f *authz.Filter, row reflect.Value) (bool, error) {
	if f.Complete() {
		return true, nil
	}
	if len(s.table.MoreOwners)+len(s.table.Lists) > 0 { // which are not read with the row
		return false, s.fail(s.table.Type, ErrIncomplete)
	}
	record, err := s.table.record(s.Context, row)
	if err != nil {
		return false, err
	}
	if err := s.addParent(record, row); err != nil {
		return false, err
	}
	return f.Match(record)
}
