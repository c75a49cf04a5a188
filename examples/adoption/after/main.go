// Command after is the application of before with crmauthz, on the same table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"

	gormadapter "github.com/casbin/gorm-adapter/v3"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/gin-gonic/gin"
	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

const modelText = `
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act
`

// Customer is a row of the application's own.
type Customer struct {
	ID     uint   `json:"id"`
	Tenant string `json:"-" gorm:"index"`
	Name   string `json:"name"`
	Phone  string `json:"phone"`
}

type app struct {
	db      *gorm.DB
	policy  *authz.CasbinPolicy
	adapter *gormadapter.Adapter
	change  sync.Mutex // held by who changes the policy: the table, and then what answers
}

func main() {
	file := flag.String("db", "crm.db", "`file` of the SQLite database")
	address := flag.String("addr", "127.0.0.1:8080", "address to serve at")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *file, *address); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file, address string) error {
	a, err := open(file)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("serving at http://%s\n", listener.Addr())
	server := &http.Server{Handler: a.routes(), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func open(file string) (*app, error) {
	db, err := gorm.Open(sqlite.Open(file), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	if err := db.AutoMigrate(&Customer{}); err != nil {
		return nil, err
	}
	adapter, err := gormadapter.NewAdapterByDB(db)
	if err != nil {
		return nil, err
	}
	policy, err := authz.OpenCasbin(modelText, adapter)
	if err != nil {
		return nil, err
	}
	return &app{db: db, policy: policy, adapter: adapter}, nil
}

func (a *app) routes() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	tenant := r.Group("/:tenant")
	tenant.GET("/customers", a.may("customer", "read"), a.list)
	tenant.POST("/customers", a.may("customer", "create"), a.create)
	tenant.DELETE("/customers/:id", a.may("customer", "delete"), a.remove)
	tenant.PUT("/people/:user/roles/:role", a.may("role", "grant"), a.grant)
	tenant.DELETE("/people/:user/roles/:role", a.may("role", "grant"), a.revoke)
	return r
}

// may lets through who may do the action. Who asks is known by a header, for brevity.
func (a *app) may(object, action string) gin.HandlerFunc {
	return func(c *gin.Context) {
		ok, err := a.policy.Enforce(c.GetHeader("X-User"), c.Param("tenant"), object, action)
		if err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
		} else if !ok {
			c.AbortWithStatus(http.StatusForbidden)
		}
	}
}

func (a *app) list(c *gin.Context) {
	var customers []Customer
	err := a.db.WithContext(c).Where("tenant = ?", c.Param("tenant")).Order("id").Find(&customers).Error
	answer(c, customers, err)
}

func (a *app) create(c *gin.Context) {
	var customer Customer
	if err := c.ShouldBindJSON(&customer); err != nil {
		c.AbortWithStatus(http.StatusBadRequest)
		return
	}
	customer.ID, customer.Tenant = 0, c.Param("tenant")
	err := a.db.WithContext(c).Create(&customer).Error
	answer(c, customer, err)
}

func (a *app) remove(c *gin.Context) {
	err := a.db.WithContext(c).Where("tenant = ? AND id = ?", c.Param("tenant"), c.Param("id")).Delete(&Customer{}).Error
	answer(c, nil, err)
}

func (a *app) grant(c *gin.Context) {
	a.change.Lock()
	defer a.change.Unlock()
	role := []string{c.Param("user"), c.Param("role"), c.Param("tenant")}
	var there int64
	err := a.db.WithContext(c).Model(&gormadapter.CasbinRule{}).Where("ptype = 'g' AND v0 = ? AND v1 = ? AND v2 = ?", role[0], role[1], role[2]).Count(&there).Error
	if err == nil && there == 0 { // in the table first: what is not stored is not answered from
		if err = a.adapter.AddPolicy("g", "g", role); err == nil {
			_, err = a.policy.Add(append([]string{"g"}, role...))
		}
	}
	answer(c, gin.H{"changed": there == 0}, err)
}

func (a *app) revoke(c *gin.Context) {
	a.change.Lock()
	defer a.change.Unlock()
	role := []string{c.Param("user"), c.Param("role"), c.Param("tenant")}
	removed, err := a.policy.Remove(append([]string{"g"}, role...)) // here first: what is taken is denied
	if err == nil && removed > 0 {
		err = a.adapter.RemovePolicy("g", "g", role)
	}
	answer(c, gin.H{"changed": removed > 0}, err)
}

func answer(c *gin.Context, value any, err error) {
	if err != nil {
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	c.JSON(http.StatusOK, value)
}
