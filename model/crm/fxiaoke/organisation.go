package fxiaoke

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/description"
)

// Organisation is how an enterprise on 纷享销客 (ShareCRM) decides who sees what. The key
// of a user is what the CRM that asks calls him by.
type Organisation struct {
	Dialect crm.Dialect `yaml:"dialect,omitempty"`
	// Superiors is how far up 上级 see: all (if empty) or direct.
	Superiors string `yaml:"superiors,omitempty"`
	// Personnel is the object of whose records administrators do not have all; PersonnelObj if empty.
	Personnel   string                `yaml:"personnel,omitempty"`
	Objects     map[string]Object     `yaml:"objects,omitempty"`
	Roles       map[string]Role       `yaml:"roles,omitempty"`
	Departments map[string]Department `yaml:"departments,omitempty"`
	Users       map[string]User       `yaml:"users,omitempty"`
	Groups      map[string]People     `yaml:"groups,omitempty"`
	Rules       []SharingRule         `yaml:"sharing_rules,omitempty"`
	Team        []TeamMember          `yaml:"team,omitempty"`
	Temporary   []Temporary           `yaml:"temporary,omitempty"`
	Pools       map[string]Pool       `yaml:"pools,omitempty"`
}

// dialects are the answers that this package carries, those of 纷享销客 first.
var dialects = map[string][]string{
	"managers":                  {"same", "write", "read", "none"},
	"managers_of_grantees":      {"yes", "no"},
	"hierarchy_off":             {"none", "all"},
	"public_write_deletes":      {"no", "yes"},
	"shares_without_permission": {"useless"},
	"write_shares_transfer":     {"no"},
	"shares_at_owner_change":    {"kept"},           // not documented
	"fields":                    {"open", "closed"}, // not documented
	"field_grants":              {"union"},
	"admins_see_all_fields":     {"no", "yes"}, // not documented
	"tree_inherits":             {"write", "read", "none"},
	"bundles":                   {"union"},
	"deactivation_drops_shares": {"no", "yes"}, // not documented
	"effective":                 {"at_once"},
}

// Object is an object, such as AccountObj.
type Object struct {
	// Basic is 基础数据权限: private 私有 (if empty), public_read_only 公开只读, public_read_write 公开读写.
	Basic string `yaml:"basic,omitempty"`
	// Department and Organisation are what everyone has of the records of his own department
	// and organisation: read_only, read_write, or nothing.
	Department   string `yaml:"department,omitempty"`
	Organisation string `yaml:"organisation,omitempty"`
	// Source is the object by whose related team these records are reached: see Related.
	Source *Source `yaml:"source,omitempty"`
	// Lock and LifeStatus are tracked (if empty): a record's attributes lock_status and life_status
	// tell; or untracked: no record is locked, or invalid.
	Lock       string           `yaml:"lock,omitempty"`
	LifeStatus string           `yaml:"life_status,omitempty"`
	Fields     map[string]Field `yaml:"fields,omitempty"`
}

// Source is an associated object 关联对象: what each role in a source record's team has of the
// records that belong to it, and never more than the member has of the source.
type Source struct {
	Object string            `yaml:"object"`
	Roles  map[string]string `yaml:"roles"` // read_only or read_write, by role in the team; owner 负责人 has the most
}

// Field is a field of an object.
type Field struct {
	Type string `yaml:"type,omitempty"` // text (if empty), number, boolean, date or multi; it matters to conditions
	// Roles is read_write 读写, read_only 只读 or invisible 不可见, by role. For a role that is not
	// there, the dialect says.
	Roles map[string]string `yaml:"roles,omitempty"`
	// NoExport are the roles that may not export it.
	NoExport []string `yaml:"no_export,omitempty"`
}

// Role is a business role 业务角色 with what it may do, or a management role 管理角色.
type Role struct {
	// Administrator is the CRM administrator CRM管理员.
	Administrator bool `yaml:"administrator,omitempty"`
	// Functions 功能权限 are what is allowed, by object: list, view, create, edit, and the others of the package's table.
	Functions map[string][]string `yaml:"functions,omitempty"`
	// Management is what may be done in the administration, such as manage_users.
	Management []string `yaml:"management,omitempty"`
}

// Department is a department 部门 or, of the organisations in it, one 组织.
type Department struct {
	Parent       string   `yaml:"parent,omitempty"`
	Organisation bool     `yaml:"organisation,omitempty"`
	Leader       string   `yaml:"leader,omitempty"`
	Assistants   []string `yaml:"assistants,omitempty"`
}

// User is an employee.
type User struct {
	Status      string   `yaml:"status,omitempty"` // active (if empty) or stopped 停用
	Roles       []string `yaml:"roles,omitempty"`
	Department  string   `yaml:"department,omitempty"` // the main one
	Departments []string `yaml:"departments,omitempty"`
	// ReportsTo is the 汇报对象; if empty, the leader of the main department.
	ReportsTo string `yaml:"reports_to,omitempty"`
	// Manages are management roles that are limited to departments and those below.
	Manages map[string][]string `yaml:"manages,omitempty"`
}

// People are users, directly and by what they are in.
type People struct {
	Users               []string `yaml:"users,omitempty"`
	Departments         []string `yaml:"departments,omitempty"`
	DepartmentsAndBelow []string `yaml:"departments_and_below,omitempty"`
	Groups              []string `yaml:"groups,omitempty"`
	Roles               []string `yaml:"roles,omitempty"`
}

// SharingRule is a 数据共享规则: who shares which records of an object with whom.
type SharingRule struct {
	Object string `yaml:"object"`
	// Either those whose records, or whose departments' records, are shared; or which records.
	From       *People     `yaml:"from,omitempty"`
	Conditions []Condition `yaml:"conditions,omitempty"` // all must hold
	To         People      `yaml:"to"`
	Access     string      `yaml:"access"` // read_only or read_write
}

// Condition compares a field: equal, not_equal, greater, less, at_least, at_most, in, contains, empty, not_empty.
type Condition struct {
	Field    string `yaml:"field"`
	Operator string `yaml:"operator"`
	Value    Values `yaml:"value,omitempty"`
}

// Values is what a field is compared with: one value, or a list.
type Values []string

// UnmarshalYAML reads both forms.
func (v *Values) UnmarshalYAML(n *yaml.Node) error {
	return description.OneOrMore(n, (*[]string)(v))
}

// TeamMember is a member of a record's related team 相关团队, beside its owner 负责人.
type TeamMember struct {
	Object string `yaml:"object"`
	Record string `yaml:"record"`
	User   string `yaml:"user"`
	Role   string `yaml:"role,omitempty"` // in the team: co_follower 联合跟进人, after_sales 售后服务人员, member 普通成员 (if empty)
	Access string `yaml:"access"`         // read_only or read_write
}

// Temporary is a temporary permission 临时权限 on one record.
type Temporary struct {
	Object  string    `yaml:"object"`
	Record  string    `yaml:"record"`
	User    string    `yaml:"user"`
	Access  string    `yaml:"access"`          // read_only or read_write
	Scene   string    `yaml:"scene,omitempty"` // where it comes from: approval, bpm, stage, flow, forward, call
	From    time.Time `yaml:"from,omitempty"`
	Until   time.Time `yaml:"until,omitempty"`
	Revoked bool      `yaml:"revoked,omitempty"`
}

// Pool is a 公海 or 线索池: records of an object that have no owner until somebody claims them.
type Pool struct {
	Object  string `yaml:"object"`
	Members People `yaml:"members,omitempty"`
	Admins  People `yaml:"admins,omitempty"`
}

// Parse reads a description from YAML and checks it. Errors are a *crm.Error.
func Parse(data []byte) (*Organisation, error) {
	return description.Parse(data, (*Organisation).check)
}

// YAML writes the description as Parse reads it.
func (o *Organisation) YAML() ([]byte, error) {
	return description.Format(o, (*Organisation).check)
}

// maxTree is how many departments, groups or superiors may stand above each other.
const maxTree = model.MaxDepth - 4

type checker struct {
	*Organisation
	crm.Checker
}

func (o *Organisation) check() error {
	_, err := o.Dialect.Resolve(dialects)
	c := &checker{o, crm.Checker{Err: err}}
	c.Word("superiors", o.Superiors, "all", "direct")
	if len(o.Objects) == 0 {
		c.Fail("objects", "", crm.ErrMalformed, "there is none")
	}
	for name, x := range crm.Sorted(o.Objects) {
		c.object(name, x)
	}
	c.roles()
	for name, d := range crm.Sorted(o.Departments) {
		c.department("department "+name, d)
	}
	for name, u := range crm.Sorted(o.Users) {
		c.user("user "+name, u)
	}
	c.circles()
	heights, groupsIn := description.Heights{}, func(g string) []string { return o.Groups[g].Groups }
	for name, g := range crm.Sorted(o.Groups) {
		c.people("group "+name, g)
		if c.Err == nil && heights.Of(name, groupsIn) > maxTree {
			c.Fail("group "+name, "", model.ErrTooDeep, "a circle, or more than can be in each other")
		}
	}
	c.data()
	return c.Err
}

func (c *checker) object(name string, x Object) {
	in := "object " + name
	if name == "" || name == managementType || strings.Contains(name, ".for.") {
		c.Fail("objects", name, crm.ErrMalformed, "no name of an object")
	}
	c.Word(in+" basic", x.Basic, "private", "public_read_only", "public_read_write")
	c.Word(in+" department", x.Department, "read_only", "read_write")
	c.Word(in+" organisation", x.Organisation, "read_only", "read_write")
	c.Word(in+" lock", x.Lock, "tracked", "untracked")
	c.Word(in+" life_status", x.LifeStatus, "tracked", "untracked")
	for field, f := range crm.Sorted(x.Fields) {
		c.Word(in+" field "+field+" type", f.Type, "text", "number", "boolean", "date", "multi")
		crm.Known(&c.Checker, in+" field "+field+" roles", c.Roles, crm.Keys(f.Roles)...)
		crm.Known(&c.Checker, in+" field "+field+" no_export", c.Roles, f.NoExport...)
		for _, access := range f.Roles {
			c.Must(in+" field "+field, access, "read_write", "read_only", "invisible")
		}
	}
	if s := x.Source; s != nil {
		crm.Known(&c.Checker, in+" source object", c.Objects, s.Object)
		for role, access := range crm.Sorted(s.Roles) {
			c.Must(in+" source role "+role, access, "read_only", "read_write")
			if accessLevels[access] > accessLevels[s.Roles[ownerRole]] {
				c.Fail(in+" source role "+role, access, crm.ErrRefused, "the owner has less")
			}
		}
	}
}

func (c *checker) roles() {
	for name, r := range crm.Sorted(c.Roles) {
		for object, functions := range crm.Sorted(r.Functions) {
			crm.Known(&c.Checker, "role "+name+" functions", c.Objects, object)
			for _, f := range functions {
				if _, ok := functionsKnown[f]; !ok {
					c.Fail("role "+name+" object "+object, f, crm.ErrMalformed, "one of "+strings.Join(crm.Keys(functionsKnown), ", "))
				}
			}
		}
		if slices.Contains(r.Management, "") {
			c.Fail("role "+name+" management", "", crm.ErrMalformed, "is empty")
		}
	}
}

func (c *checker) department(in string, d Department) {
	if d.Parent != "" {
		crm.Known(&c.Checker, in+" parent", c.Departments, d.Parent)
	}
	if d.Leader != "" {
		crm.Known(&c.Checker, in+" leader", c.Users, d.Leader)
	}
	crm.Known(&c.Checker, in+" assistants", c.Users, d.Assistants...)
}

func (c *checker) user(in string, u User) {
	c.Word(in+" status", u.Status, "active", "stopped")
	crm.Known(&c.Checker, in+" roles", c.Roles, u.Roles...)
	crm.Known(&c.Checker, in+" departments", c.Departments, u.departments()...)
	if u.ReportsTo != "" {
		crm.Known(&c.Checker, in+" reports_to", c.Users, u.ReportsTo)
	}
	for role, departments := range crm.Sorted(u.Manages) {
		crm.Known(&c.Checker, in+" manages", c.Roles, role)
		crm.Known(&c.Checker, in+" manages", c.Departments, departments...)
	}
}

// circles looks for circles of departments and of superiors.
func (c *checker) circles() {
	if c.Err != nil {
		return
	}
	climb := func(what string, names []string, above func(string) string) {
		for _, name := range names {
			depth := 0
			for at := name; at != "" && c.Err == nil; at = above(at) {
				if depth++; depth > maxTree {
					c.Fail(what+" "+name, above(at), model.ErrTooDeep, "a circle, or more than can stand above each other")
				}
			}
		}
	}
	climb("department", crm.Keys(c.Departments), func(d string) string { return c.Departments[d].Parent })
	if c.Err == nil {
		climb("superiors of user", crm.Keys(c.Users), c.superior)
	}
}

func (c *checker) people(in string, p People) {
	crm.Known(&c.Checker, in+" users", c.Users, p.Users...)
	crm.Known(&c.Checker, in+" departments", c.Departments, p.Departments...)
	crm.Known(&c.Checker, in+" departments_and_below", c.Departments, p.DepartmentsAndBelow...)
	crm.Known(&c.Checker, in+" groups", c.Groups, p.Groups...)
	crm.Known(&c.Checker, in+" roles", c.Roles, p.Roles...)
}

// data checks what is about records.
func (c *checker) data() {
	for i := range c.Rules {
		r := &c.Rules[i]
		in := "sharing rule of " + r.Object
		crm.Known(&c.Checker, in, c.Objects, r.Object)
		c.Must(in+" access", r.Access, "read_only", "read_write")
		c.people(in+" to", r.To)
		if (r.From == nil) == (len(r.Conditions) == 0) {
			c.Fail(in, "", crm.ErrMalformed, "either from or conditions")
		}
		if r.From != nil {
			c.people(in+" from", *r.From)
		}
		if _, err := c.Objects[r.Object].expression(r.Conditions); err != nil && c.Err == nil {
			c.Err = err
		}
	}
	for _, m := range c.Team {
		in := "team of " + m.Object + " " + m.Record
		crm.Known(&c.Checker, in, c.Objects, m.Object)
		crm.Known(&c.Checker, in, c.Users, m.User)
		c.Must(in+" access", m.Access, "read_only", "read_write")
		if m.Role == ownerRole {
			c.Fail(in, m.Role, crm.ErrMalformed, "the record itself says who owns it")
		}
	}
	for _, t := range c.Temporary {
		in := "temporary permission on " + t.Object + " " + t.Record
		crm.Known(&c.Checker, in, c.Objects, t.Object)
		crm.Known(&c.Checker, in, c.Users, t.User)
		c.Must(in+" access", t.Access, "read_only", "read_write")
	}
	for name, p := range crm.Sorted(c.Pools) {
		crm.Known(&c.Checker, "pool "+name, c.Objects, p.Object)
		c.people("pool "+name+" members", p.Members)
		c.people("pool "+name+" admins", p.Admins)
	}
}

// departments are the user's departments, the main one first.
func (u User) departments() []string {
	if u.Department == "" {
		return u.Departments
	}
	return append([]string{u.Department}, u.Departments...)
}

// superior is the one 上级 of a user: to whom he reports or, if that is nobody, the leader of
// his main department or, if that is himself, of the nearest one above with another leader.
func (o *Organisation) superior(user string) string {
	u := o.Users[user]
	if u.ReportsTo != "" {
		return u.ReportsTo
	}
	for n, at := 0, u.Department; at != "" && n < maxTree; n, at = n+1, o.Departments[at].Parent {
		if l := o.Departments[at].Leader; l != "" && l != user {
			return l
		}
	}
	return ""
}
