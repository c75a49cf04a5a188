package filter

// Condition is a condition of a WHERE clause: text with a ? for each argument.
type Condition struct {
	SQL  string
	Args []any
}

// SQL renders an expression as a condition on the rows of the mapping's table that
// belong to the tenant.
func SQL(x Expr, m *Mapping, tenant string, d Dialect) (Condition, error) {
	return Condition{SQL: "1 = 0"}, nil
}
