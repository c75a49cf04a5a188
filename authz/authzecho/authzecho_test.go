package authzecho_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/crmauthz/crmauthz/authz/authzecho"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/authz/internal/attacktest"
)

// router is a server under attack.
func router(configure func(*echo.Echo)) attacktest.Server {
	return func(guard *authzhttp.Guard, act attacktest.Act) http.Handler {
		e := echo.New()
		configure(e)
		e.Use(authzecho.Middleware(guard.Table(authzhttp.Routes{
			"GET /health":           attacktest.Public,
			"GET /customers":        attacktest.Collection,
			"GET /customers/:id":    attacktest.Read,
			"HEAD /customers/:id":   attacktest.Read,
			"PUT /customers/:id":    attacktest.Update,
			"DELETE /customers/:id": attacktest.Delete,
		})))
		handler := func(id func(echo.Context) string) echo.HandlerFunc {
			return func(c echo.Context) error {
				act(c.Response(), c.Request(), id(c))
				return nil
			}
		}
		none := handler(func(echo.Context) string { return "" })
		param := handler(func(c echo.Context) string { return c.Param("id") })
		undeclared := handler(func(echo.Context) string { return attacktest.Undeclared })
		e.GET("/health", none)
		e.GET("/customers", none)
		e.Any("/customers/:id", param)
		e.GET("/customers/export", undeclared)
		e.Group("/admin").GET("/users", undeclared)
		e.RouteNotFound("/customers/*", undeclared)
		return e
	}
}

func TestAttacks(t *testing.T) {
	for name, configure := range map[string]func(*echo.Echo){
		"by default":    func(*echo.Echo) {},
		"no last slash": func(e *echo.Echo) { e.Pre(middleware.RemoveTrailingSlash()) },
	} {
		t.Run(name, func(t *testing.T) { attacktest.Run(t, router(configure)) })
	}
}

func TestPatternsAreThoseOfTheTable(t *testing.T) {
	table := attacktest.Guard(t).Table(authzhttp.Routes{
		"GET /customers/:id":      attacktest.Read,
		"GET /api/files/*":        authzhttp.Public(),
		"DELETE /customers/:name": authzhttp.Public(),
	})
	e := echo.New()
	nothing := func(echo.Context) error { return nil }
	e.GET("/customers/:id", nothing)
	e.Group("/api").GET("/files/*", nothing)
	e.PUT("/customers/:id", nothing)
	patterns := authzecho.Patterns(e)
	if got := table.Undeclared(patterns); !slices.Equal(got, []string{"PUT /customers/:id"}) {
		t.Errorf("undeclared: %q", got)
	}
	if got := table.Unused(patterns); !slices.Equal(got, []string{"DELETE /customers/:name"}) {
		t.Errorf("unused: %q", got)
	}
}

func TestRoutesOfAHostAreTheirOwn(t *testing.T) {
	table := attacktest.Guard(t).Table(authzhttp.Routes{
		"GET /":                     authzhttp.Public(),
		"GET shop.example.com/open": authzhttp.Public(),
	})
	e := echo.New()
	e.Use(authzecho.Middleware(table))
	ok := func(c echo.Context) error { return c.NoContent(http.StatusOK) }
	e.GET("/", ok)
	e.GET("/open", ok)
	shop := e.Host("shop.example.com")
	shop.GET("/", ok)
	shop.GET("/open", ok)
	for url, want := range map[string]int{
		"http://example.com/":          http.StatusOK,
		"http://example.com/open":      http.StatusForbidden,
		"http://shop.example.com/":     http.StatusForbidden,
		"http://shop.example.com/open": http.StatusOK,
	} {
		w := httptest.NewRecorder()
		if e.ServeHTTP(w, httptest.NewRequest("GET", url, nil)); w.Code != want {
			t.Errorf("%s: got %d, want %d", url, w.Code, want)
		}
	}
	patterns := authzecho.Patterns(e)
	if got := table.Undeclared(patterns); !slices.Equal(got, []string{"GET /open", "GET shop.example.com/"}) {
		t.Errorf("undeclared: %q", got)
	}
	if got := table.Unused(patterns); got != nil {
		t.Errorf("unused: %q", got)
	}
}

// Before there is a route, nothing is let through.
func TestMiddlewareInPreRefuses(t *testing.T) {
	e := echo.New()
	e.Pre(authzecho.Middleware(attacktest.Guard(t).Table(authzhttp.Routes{"GET /health": authzhttp.Public()})))
	e.GET("/health", func(echo.Context) error { t.Error("reached"); return nil })
	w := httptest.NewRecorder()
	if e.ServeHTTP(w, httptest.NewRequest("GET", "/health", nil)); w.Code != http.StatusNotFound {
		t.Errorf("got %d", w.Code)
	}
}
