// Package authzecho is package authzhttp for Echo.
//
//	guard := authzhttp.New(az, principal)
//	table := guard.Table(authzhttp.Routes{
//		"GET /login":         authzhttp.Public(),
//		"PUT /customers/:id": authzhttp.Require("update", "customer", authzhttp.FromPath("id")),
//	})
//	e.Use(authzecho.Middleware(table))
//
// Routes of Echo.Host have its name in front: "GET admin.example.com/users".
// Routes that the table does not declare are denied to everybody. Handlers find the
// [authzhttp.Access] in the context of the request: authzhttp.FromContext(c.Request().Context()).
package authzecho

import (
	"github.com/labstack/echo/v4"

	"github.com/crmauthz/crmauthz/authz/authzhttp"
)

// Middleware lets requests through to the handlers of a router as a table says, by the
// pattern of the route that Echo has matched. It is one for Echo.Use: with Echo.Pre there is no route
// yet, and all is refused. Nothing may change the request's host between Echo's routing and it. Requests
// without a route are answered 404.
func Middleware(table *authzhttp.Table) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			for _, name := range c.ParamNames() {
				r.SetPathValue(name, c.Param(name))
			}
			if r = table.Admit(c.Response(), r, matched(c)); r == nil {
				return nil // it is answered
			}
			c.SetRequest(r)
			return next(c)
		}
	}
}

// matched is the pattern of the route that Echo has matched; empty if there is none.
func matched(c echo.Context) string {
	if c.Path() == "" {
		return ""
	}
	r, host := c.Request(), ""
	if _, ok := c.Echo().Routers()[r.Host]; ok {
		host = r.Host
	}
	return r.Method + " " + host + c.Path()
}

// Patterns are the routes of a router, those of its hosts among them, for Table.Undeclared and Table.Unused.
func Patterns(e *echo.Echo) []string {
	patterns := routes("", e.Routes())
	for host, router := range e.Routers() {
		patterns = append(patterns, routes(host, router.Routes())...)
	}
	return patterns
}

func routes(host string, all []*echo.Route) (patterns []string) {
	for _, r := range all {
		patterns = append(patterns, r.Method+" "+host+r.Path)
	}
	return patterns
}
