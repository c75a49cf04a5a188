package model

// CheckRequest tells whether a request is well formed and speaks of what the
// schema, that of its tenant, knows. A *ValueError says what does not: it
// matches ErrMalformed, ErrTooLong, ErrUnknownKind, ErrUnknownTenant,
// ErrUnknownType, ErrUnknownAction, ErrUnknownAttribute, ErrTooDeep or ErrNoFacts.
func (s *Schema) CheckRequest(q *Request) error {
	const in = "request"
	if err := CheckTenant(q.Tenant); err != nil {
		return At(in, "tenant", q.Tenant, err)
	}
	if q.Tenant == Base {
		return At(in, "tenant", q.Tenant, fail(ErrUnknownTenant, "the base policy is no tenant"))
	}
	if err := CheckSubject(q.User, User); err != nil {
		return At(in, "user", q.User, err)
	}
	typ := q.Type
	if q.Record != nil {
		if typ != "" && typ != q.Record.Type {
			return At(in, "type", typ, fail(ErrMalformed, "the record is a %s", q.Record.Type))
		}
		if q.ID != "" && q.ID != q.Record.ID {
			return At(in, "id", q.ID, fail(ErrMalformed, "the record is %s", q.Record.ID))
		}
		typ = q.Record.Type
	}
	t, ok := s.Types[typ]
	if !ok {
		return At(in, "type", typ, ErrUnknownType)
	}
	if _, ok := t.Actions[q.Action]; !ok {
		return At(in, "action", q.Action, fail(ErrUnknownAction, "of %s", typ))
	}
	if q.Record == nil && q.ID != "" {
		return At(in, "id", q.ID, ErrNoFacts)
	}
	if err := s.CheckRecord(q.Record); err != nil {
		return err
	}
	if err := checkValues(in+" user", s.User, q.UserAttrs); err != nil {
		return err
	}
	return checkValues(in+" env", s.Env, q.Env)
}

// CheckRecord tells whether a record and its parents are well formed and
// speak of what the schema knows. A nil record is.
func (s *Schema) CheckRecord(r *Record) error {
	in := "record"
	for depth := 0; r != nil; r, in, depth = r.Parent, "parent record", depth+1 {
		if depth > MaxDepth {
			return At("record", "parent", r.Type+"/"+r.ID, fail(ErrTooDeep, "at most %d parents", MaxDepth))
		}
		t, ok := s.Types[r.Type]
		if !ok {
			return At(in, "type", r.Type, ErrUnknownType)
		}
		if r.ID != "" {
			if err := CheckID(r.ID); err != nil {
				return At(in, "id", r.ID, err)
			}
		}
		for _, o := range r.Owners {
			if err := CheckSubject(o, User, Team); err != nil {
				return At(in, "owner", o, err)
			}
		}
		if r.Unit != "" {
			if err := CheckSubject(r.Unit, Unit); err != nil {
				return At(in, "unit", r.Unit, err)
			}
		}
		if err := checkValues(in, t.Attributes, r.Attrs); err != nil {
			return err
		}
	}
	return nil
}

// checkValues tells whether attributes are declared and of their types.
func checkValues(in string, declared map[string]AttrType, values map[string]any) error {
	if len(values) == 0 {
		return nil
	}
	for name, v := range sorted(values) {
		t, ok := declared[name]
		if !ok {
			return At(in, "attribute", name, ErrUnknownAttribute)
		}
		if !t.Accepts(v) {
			return At(in, "attribute", name, fail(ErrMalformed, "is a %T, not a %s", v, t))
		}
	}
	return nil
}
