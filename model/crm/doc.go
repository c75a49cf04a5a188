// Package crm is what the products' packages below it have in common: what a
// description compiles to, how it is written in YAML, and the report of an import.
//
// Each product has a package (salesforce, dynamics365, zoho, hubspot, fxiaoke) with
//
//	type Organisation struct { … }                  // in the product's own words; with a Dialect, whose zero value is the product
//	func Parse(data []byte) (*Organisation, error)  // from YAML
//	func (*Organisation) YAML() ([]byte, error)
//	func (*Organisation) Compile(tenant string) (*crm.Policy, error) // pure; the same every time
//	func Import(ctx, fs.FS[, Options]) (*Organisation, *crm.Report, error)
//
// Only Import reads files, of the fs.FS that it is given.
package crm
