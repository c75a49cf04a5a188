// Package authzgin is package authzhttp for Gin.
//
//	guard := authzhttp.New(az, principal)
//	table := guard.Table(authzhttp.Routes{
//		"GET /login":         authzhttp.Public(),
//		"PUT /customers/:id": authzhttp.Require("update", "customer", authzhttp.FromPath("id")),
//	})
//	router.Use(authzgin.Middleware(table)) // before the routes
//
// Routes that the table does not declare are denied to everybody. Handlers find the
// [authzhttp.Access] in the context of the request: authzhttp.FromContext(c.Request.Context()).
package authzgin

import (
	"github.com/gin-gonic/gin"

	"github.com/crmauthz/crmauthz/authz/authzhttp"
)

// Middleware lets requests through to the handlers of a router as a table says, by
// the pattern of the route that Gin has matched. Requests without a route are answered 404, and
// get to handlers of NoRoute and NoMethod only if the table has an entry "".
func Middleware(table *authzhttp.Table) gin.HandlerFunc {
	return func(c *gin.Context) {
		pattern := ""
		if c.FullPath() != "" {
			pattern = c.Request.Method + " " + c.FullPath()
		}
		for _, p := range c.Params {
			c.Request.SetPathValue(p.Key, c.Param(p.Key)) // as the handler gets it, should two have one name
		}
		r := table.Admit(c.Writer, c.Request, pattern)
		if r == nil {
			c.Abort()
			return
		}
		c.Request = r
	}
}

// Patterns are the routes of a router, for Table.Undeclared and Table.Unused.
func Patterns(router *gin.Engine) (patterns []string) {
	for _, r := range router.Routes() {
		patterns = append(patterns, r.Method+" "+r.Path)
	}
	return patterns
}
