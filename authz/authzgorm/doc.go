// Package authzgorm lets a program that uses GORM see and change only what the
// user may, on whose behalf it runs.
//
//	plugin := authzgorm.New(az, authzgorm.Model{Type: "customer", Of: &Customer{}, Tenant: "TenantID", Owners: …})
//	err := db.Use(plugin)
//	ctx = authz.NewContext(ctx, authz.Principal{Tenant: "acme", User: "user:alice"})
//	err = db.WithContext(ctx).Find(&customers).Error // hers only, and redacted
//
// # What it does
//
// The principal rides in the context. Reading (Find, First, Count, Pluck, Rows,
// Preload, Joins and so on) sees only rows to which the model's reading action is allowed; updates and
// deletes touch only rows to which theirs are; what is created must be allowed to
// be. The filter is put around all conditions of the statement, whatever Or and Not are in them, so that
// none of them reaches past it, and so is that of each joined model.
//
// Values that are read are redacted by the levels of their own row. Columns that may not be
// read of every row on the list can not be sorted, filtered or grouped by, selected
// into anything but the model, nor copied into others. Written columns must be writable in
// every row that is written.
//
// A column of the model is governed by the field of the schema that has its name:
// that of its tag authz, or else its name in JSON or its gorm column. What no field governs is hidden,
// except for what a program needs to know a row by: primary and foreign keys, the
// tenant, the columns of Model, and GORM's times. Those are readable; the tenant and the
// primary keys are never changed.
//
// Refused, with an error that says what: a statement without a principal
// (ErrNoPrincipal), SQL that is not known to be harmless (ErrRawSQL), a table that is no registered
// model (ErrUnmapped), clauses that could go around the filter (ErrUnsupported), rows that
// are written over by an upsert (ErrUpsert), and filters that need each record checked
// (ErrIncomplete; FindPage does that). [Bypass] is the way round, and it is logged.
//
// # What it can not do
//
// The plugin sees what passes through GORM's callbacks. Who takes the *sql.DB from
// gorm.DB.DB, asks Statement.ConnPool, or removes callbacks goes around it; so do other
// programs with the same database.
package authzgorm
