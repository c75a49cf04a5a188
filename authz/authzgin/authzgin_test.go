package authzgin_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/crmauthz/crmauthz/authz/authzgin"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/authz/internal/attacktest"
)

func init() { gin.SetMode(gin.ReleaseMode) }

// router is a server under attack, with Gin as it is by default and in its other ways to read a path.
func router(configure func(*gin.Engine)) attacktest.Server {
	return func(guard *authzhttp.Guard, act attacktest.Act) http.Handler {
		router := gin.New()
		configure(router)
		router.Use(authzgin.Middleware(guard.Table(authzhttp.Routes{
			"GET /health":           attacktest.Public,
			"GET /customers":        attacktest.Collection,
			"GET /customers/:id":    attacktest.Read,
			"PUT /customers/:id":    attacktest.Update,
			"DELETE /customers/:id": attacktest.Delete,
		})))
		handler := func(id func(*gin.Context) string) gin.HandlerFunc {
			return func(c *gin.Context) { act(c.Writer, c.Request, id(c)) }
		}
		none := handler(func(*gin.Context) string { return "" })
		param := handler(func(c *gin.Context) string { return c.Param("id") })
		undeclared := handler(func(*gin.Context) string { return attacktest.Undeclared })
		router.GET("/health", none)
		router.GET("/customers", none)
		router.Any("/customers/:id", param)
		router.GET("/customers/export", undeclared)
		router.Group("/admin").GET("/users", undeclared)
		router.NoRoute(undeclared)
		router.NoMethod(undeclared)
		return router
	}
}

func TestAttacks(t *testing.T) {
	for name, configure := range map[string]func(*gin.Engine){
		"by default":     func(*gin.Engine) {},
		"raw paths":      func(e *gin.Engine) { e.UseRawPath, e.UnescapePathValues = true, false },
		"unescaped late": func(e *gin.Engine) { e.UseRawPath, e.UnescapePathValues = true, true },
		"forgiving": func(e *gin.Engine) {
			e.RemoveExtraSlash, e.RedirectFixedPath, e.HandleMethodNotAllowed = true, true, true
		},
	} {
		t.Run(name, func(t *testing.T) { attacktest.Run(t, router(configure)) })
	}
}

func TestPatternsAreThoseOfTheTable(t *testing.T) {
	table := attacktest.Guard(t).Table(authzhttp.Routes{
		"GET /customers/:id":      attacktest.Read,
		"GET /api/files/*path":    authzhttp.Public(),
		"DELETE /customers/:name": authzhttp.Public(),
	})
	router := gin.New()
	nothing := func(*gin.Context) {}
	router.GET("/customers/:id", nothing)
	router.Group("/api").GET("/files/*path", nothing)
	router.PUT("/customers/:id", nothing)
	patterns := authzgin.Patterns(router)
	if got := table.Undeclared(patterns); !slices.Equal(got, []string{"PUT /customers/:id"}) {
		t.Errorf("undeclared: %q", got)
	}
	if got := table.Unused(patterns); !slices.Equal(got, []string{"DELETE /customers/:name"}) {
		t.Errorf("unused: %q", got)
	}
}

// Gin has parameters of the same name, and gives handlers the first.
func TestTheRecordOfADecisionIsTheHandlers(t *testing.T) {
	const pattern = "/customers/:id/notes/:id"
	router := gin.New()
	router.Use(authzgin.Middleware(attacktest.Guard(t).Table(authzhttp.Routes{"GET " + pattern: attacktest.Read})))
	router.GET(pattern, func(c *gin.Context) { c.String(http.StatusOK, c.Param("id")) })
	for path, want := range map[string]int{"/customers/42/notes/43": http.StatusOK, "/customers/43/notes/42": http.StatusForbidden} {
		r, w := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
		r.Header.Set("Test-User", "acme alice")
		if router.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: got %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
}
