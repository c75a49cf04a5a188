package authzgorm

import (
	"reflect"

	"github.com/crmauthz/crmauthz/authz"
)

// rechecked tells whether rows of a filter that is not complete are dropped again, as FindPage has it.
func (s *statement) rechecked() bool { return s.op == "query" && stateOf(s.Context) != nil }

// recheck drops the rows that the filter has and the policy does not allow.
func (s *statement) recheck(f *authz.Filter, rows reflect.Value) error {
	state := stateOf(s.Context)
	if state == nil {
		return nil
	}
	if state.read = rows.Len(); state.read > 0 {
		last := reflect.New(s.table.schema.ModelType).Elem()
		last.Set(reflect.Indirect(rows.Index(rows.Len() - 1)))
		state.last = last.Interface()
	}
	if f.Complete() {
		return nil
	}
	kept := 0
	for i := range rows.Len() {
		row := reflect.Indirect(rows.Index(i))
		record, err := s.table.record(s.Context, row)
		if err != nil {
			return err
		}
		if err := s.addParent(record, row); err != nil {
			return err
		}
		ok, err := f.Match(record)
		if err != nil {
			return err
		}
		if ok {
			rows.Index(kept).Set(rows.Index(i))
			kept++
		}
	}
	rows.Set(rows.Slice(0, kept))
	return nil
}
