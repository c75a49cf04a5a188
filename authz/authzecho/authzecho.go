// Package authzecho is package authzhttp for Echo.
//
//	guard := authzhttp.New(az, principal)
//	table := guard.Table(authzhttp.Routes{
//		"GET /login":         authzhttp.Public(),
//		"PUT /customers/:id": authzhttp.Require("update", "customer", authzhttp.FromPath("id")),
//	})
//	e.Use(authzecho.Middleware(table))
//
// Routes that the table does not declare are denied to everybody. Handlers find the
// [authzhttp.Access] in the context of the request: authzhttp.FromContext(c.Request().Context()).
package authzecho

import (
	"github.com/labstack/echo/v4"

	"github.com/crmauthz/crmauthz/authz/authzhttp"
)

// Middleware lets requests through to the handlers of a router as a table says, by the
// pattern of the route that Echo has matched. It is one for Echo.Use: with Echo.Pre there is no route
// yet, and all is refused. Requests without a route are answered 404.
func Middleware(table *authzhttp.Table) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, pattern := c.Request(), ""
			if c.Path() != "" {
				pattern = r.Method + " " + c.Path()
			}
			for _, name := range c.ParamNames() {
				r.SetPathValue(name, c.Param(name))
			}
			if r = table.Admit(c.Response(), r, pattern); r == nil {
				return nil // it is answered
			}
			c.SetRequest(r)
			return next(c)
		}
	}
}

// Patterns are the routes of a router, for Table.Undeclared and Table.Unused.
func Patterns(e *echo.Echo) (patterns []string) {
	for _, r := range e.Routes() {
		patterns = append(patterns, r.Method+" "+r.Path)
	}
	return patterns
}
