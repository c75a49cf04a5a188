// Package adoption shows what it takes to give an application with Gin, GORM and Casbin crmauthz: the programs
// before and after, and, in README.md, the difference.
package adoption
