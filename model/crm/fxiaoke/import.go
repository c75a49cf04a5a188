package fxiaoke

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/description"
)

// Import reads what an administrator can see in 纷享销客 and wrote down, since it exports no
// permissions: tables in .csv files, and at most one .yaml file, a description, to which they add.
// The columns of a file say which table it is, in English or Chinese; those in brackets may be missing.
//
//	role 角色, object 对象, functions 功能
//	role 角色, object 对象, field 字段, access 权限, [export 导出]
//	object 对象, basic 基础数据权限, [department 部门权限], [organisation 组织权限]
//	department 部门, parent 上级部门, [leader 负责人], [assistants 助理], [organisation 组织]
//	user 员工, [status 状态], [roles 角色], [department 主属部门], [departments 附属部门], [reports_to 汇报对象]
//	group 用户组, members 成员
//	object 对象, from 来源, to 共享给, access 权限                              a sharing rule by owner
//	object 对象, record 数据, user 员工, team_role 团队角色, access 权限        a member of a related team
//	object 对象, record 数据, user 员工, until 到期时间, access 权限, [from 开始时间], [scene 场景]
//	pool 公海, object 对象, members 成员, [admins 管理员]
//
// ; separates several values of a column. People (members, admins, from, to) are user:ann, department:North,
// department+:North with those below it, group:VIP or role:Sales. The words of a column are those of the
// description or the Chinese ones: 私有 公开只读 公开读写 只读 读写 不可见 停用, and for functions 查看列表 查看详情
// 新建 编辑 导入 导出 打印 作废 恢复 删除 更换负责人 编辑团队 锁定 解锁 领取 分配 退回.
//
// Errors are a *crm.Error with file and line; what a file names that none describes is reported
// and left out, so that nobody is allowed more.
func Import(ctx context.Context, fsys fs.FS) (*Organisation, *crm.Report, error) {
	i := &importer{}
	return i.Import(ctx, fsys, i.tables(), (*Organisation).check)
}

// importer collects the rows, and makes a description of them when all are there.
type importer struct {
	description.Importer[Organisation]
}

// The order in which rows are looked at: what others name comes first.
const (
	names = iota // objects, roles, departments, users, groups
	links        // what they name among themselves
	rights
	records
)

// The columns, with their Chinese names.
const (
	objectColumn = "object|对象"
	roleColumn   = "role|角色"
	userColumn   = "user|员工"
	accessColumn = "access|权限"
	recordColumn = "record|数据"
)

func (i *importer) tables() []crm.Table {
	return []crm.Table{
		{Kind: "field", Columns: []string{roleColumn, objectColumn, "field|字段", accessColumn}, Optional: []string{"export|导出"}, Read: i.field},
		{Kind: "functions", Columns: []string{roleColumn, objectColumn, "functions|功能"}, Read: i.functions},
		{Kind: "temporary permission", Columns: []string{objectColumn, recordColumn, userColumn, "until|到期时间", accessColumn}, Optional: []string{"from|开始时间", "scene|场景"}, Read: i.temporary},
		{Kind: "team member", Columns: []string{objectColumn, recordColumn, userColumn, "team_role|团队角色", accessColumn}, Read: i.teamMember},
		{Kind: "sharing rule", Columns: []string{objectColumn, "from|来源", "to|共享给", accessColumn}, Read: i.rule},
		{Kind: "pool", Columns: []string{"pool|公海", objectColumn, "members|成员"}, Optional: []string{"admins|管理员"}, Read: i.pool},
		{Kind: "group", Columns: []string{"group|用户组", "members|成员"}, Read: i.group},
		{Kind: "object", Columns: []string{objectColumn, "basic|基础数据权限"}, Optional: []string{"department|部门权限", "organisation|组织权限"}, Read: i.object},
		{Kind: "department", Columns: []string{"department|部门", "parent|上级部门"}, Optional: []string{"leader|负责人", "assistants|助理", "organisation|组织"}, Read: i.department},
		{Kind: "user", Columns: []string{userColumn}, Optional: []string{"status|状态", "roles|角色", "department|主属部门", "departments|附属部门", "reports_to|汇报对象"}, Read: i.user},
	}
}

// words are the Chinese words of columns.
var words = map[string]string{
	"私有": "private", "公开只读": "public_read_only", "公开读写": "public_read_write",
	"只读": "read_only", "读写": "read_write", "不可见": "invisible", "启用": "active", "停用": "stopped",
	"查看列表": "list", "查看详情": "view", "新建": "create", "编辑": "edit", "导入": "import", "导出": "export", "打印": "print",
	"作废": "invalidate", "恢复": "recover", "删除": "delete", "更换负责人": "change_owner", "编辑团队": "edit_team",
	"锁定": "lock", "解锁": "unlock", "领取": "choose", "分配": "assign", "退回": "return",
	"联合跟进人": "co_follower", "售后服务人员": "after_sales", "普通成员": "member",
}

// word is a word of a description.
func word(s string) string {
	if w, ok := words[s]; ok {
		return w
	}
	return s
}

// need tells whether columns have a value, and says so if one has not.
func (i *importer) need(r crm.Row, kind string, columns ...string) bool {
	for _, c := range columns {
		if _, ok := i.Need(r, kind, c); !ok {
			return false
		}
	}
	return true
}

// one of some words, or a report that it is none.
func (i *importer) oneOf(r crm.Row, kind, column, of string, may ...string) (string, bool) {
	w := word(r.Text(column))
	if !slices.Contains(may, w) {
		i.Say(r, crm.Unknown, kind, of, column+" "+r.Text(column)+" is none of "+strings.Join(may, ", ")+"; the row is left out")
		return "", false
	}
	return w, true
}

func (i *importer) object(r crm.Row) {
	if !i.need(r, "object", "object") {
		return
	}
	name := r.Text("object")
	i.Later(names, func() { description.Mention(&i.Org.Objects, name) })
	i.Later(links, func() {
		x := i.Org.Objects[name]
		within := []string{"", "read_only", "read_write"}
		for _, c := range []struct {
			column string
			at     *string
			may    []string
		}{
			{"basic", &x.Basic, []string{"private", "public_read_only", "public_read_write"}},
			{"department", &x.Department, within},
			{"organisation", &x.Organisation, within},
		} {
			w, ok := i.oneOf(r, "object", c.column, name, c.may...)
			if !ok {
				return
			}
			if *c.at != "" && *c.at != w {
				i.Say(r, crm.Ambiguous, "object", name, c.column+" is "+*c.at+" already, which is taken")
				return
			}
			*c.at = w
		}
		i.Org.Objects[name] = x
		i.Say(r, crm.Taken, "object", name, "")
	})
}

func (i *importer) functions(r crm.Row) {
	if !i.need(r, "functions", "role", "object") {
		return
	}
	role, object := r.Text("role"), r.Text("object")
	i.Later(names, func() {
		description.Mention(&i.Org.Roles, role)
		description.Mention(&i.Org.Objects, object)
	})
	i.Later(rights, func() {
		x := i.Org.Roles[role]
		for _, f := range r.List("functions") {
			if _, ok := functionsKnown[word(f)]; !ok {
				i.Say(r, crm.Unknown, "function", f, "of "+role+" on "+object+" is not known; nobody has it")
				continue
			}
			if !slices.Contains(x.Functions[object], word(f)) {
				description.Put(&x.Functions, object, append(x.Functions[object], word(f)))
			}
			i.Say(r, crm.Taken, "function", role+" "+object+" "+word(f), "")
		}
		i.Org.Roles[role] = x
	})
}

func (i *importer) field(r crm.Row) {
	if !i.need(r, "field", "role", "object", "field") {
		return
	}
	role, object, name := r.Text("role"), r.Text("object"), r.Text("field")
	what := role + " " + object + "." + name
	i.Later(names, func() {
		description.Mention(&i.Org.Roles, role)
		description.Mention(&i.Org.Objects, object)
	})
	i.Later(rights, func() {
		access, ok := i.oneOf(r, "field", "access", what, "read_write", "read_only", "invisible")
		if !ok {
			access = "invisible" // what cannot be read is not open
		}
		x := i.Org.Objects[object]
		f := x.Fields[name]
		if was, again := f.Roles[role]; again && was != access {
			if fieldLevels[was] < fieldLevels[access] {
				access = was
			}
			i.Say(r, crm.Ambiguous, "field", what, "stands twice; "+access+", which is less, is taken")
		} else if ok {
			i.Say(r, crm.Taken, "field", what, "")
		}
		description.Put(&f.Roles, role, access)
		export, said := r.Flag("export")
		if !said {
			i.Say(r, crm.Unknown, "field", what, "export "+r.Text("export")+" is neither yes nor no; taken for no")
		}
		if r.Text("export") != "" && !export && !slices.Contains(f.NoExport, role) {
			f.NoExport = append(f.NoExport, role)
		}
		description.Put(&x.Fields, name, f)
		i.Org.Objects[object] = x
	})
}

func (i *importer) department(r crm.Row) {
	if !i.need(r, "department", "department") {
		return
	}
	name := r.Text("department")
	i.Later(names, func() { description.Mention(&i.Org.Departments, name) })
	i.Later(links, func() {
		d := i.Org.Departments[name]
		if parent := r.Text("parent"); description.Known(&i.Importer, r, i.Org.Departments, "department", parent, name) {
			d.Parent = parent
		}
		if leader := r.Text("leader"); description.Known(&i.Importer, r, i.Org.Users, "leader", leader, name) {
			d.Leader = leader
		}
		for _, a := range r.List("assistants") {
			if description.Known(&i.Importer, r, i.Org.Users, "assistant", a, name) {
				d.Assistants = append(d.Assistants, a)
			}
		}
		d.Organisation, _ = r.Flag("organisation")
		if _, ok := r.Flag("organisation"); !ok {
			i.Say(r, crm.Unknown, "organisation", r.Text("organisation"), "is neither yes nor no; "+name+" is none")
		}
		i.Org.Departments[name] = d
		i.Say(r, crm.Taken, "department", name, "")
	})
}

func (i *importer) user(r crm.Row) {
	if !i.need(r, "user", "user") {
		return
	}
	name := r.Text("user")
	again := false
	i.Later(names, func() {
		if _, again = i.Org.Users[name]; again {
			i.Say(r, crm.Ambiguous, "user", name, "stands twice; the first is taken")
			return
		}
		description.Put(&i.Org.Users, name, User{})
	})
	i.Later(links, func() {
		if again {
			return
		}
		u := User{Status: word(r.Text("status"))}
		if !slices.Contains([]string{"", "active", "stopped"}, u.Status) {
			i.Say(r, crm.Unknown, "status", u.Status, "of "+name+"; taken for stopped")
			u.Status = "stopped"
		}
		for _, role := range r.List("roles") {
			if description.Known(&i.Importer, r, i.Org.Roles, "role", role, name) {
				u.Roles = append(u.Roles, role)
			}
		}
		if d := r.Text("department"); description.Known(&i.Importer, r, i.Org.Departments, "department", d, name) {
			u.Department = d
		}
		for _, d := range r.List("departments") {
			if description.Known(&i.Importer, r, i.Org.Departments, "department", d, name) {
				u.Departments = append(u.Departments, d)
			}
		}
		if boss := r.Text("reports_to"); description.Known(&i.Importer, r, i.Org.Users, "superior", boss, name) {
			u.ReportsTo = boss
		}
		i.Org.Users[name] = u
		i.Say(r, crm.Taken, "user", name, "")
	})
}

// people reads a column of people.
func (i *importer) people(r crm.Row, column, of string) (p People) {
	for _, v := range r.List(column) {
		kind, name, _ := strings.Cut(v, ":")
		name = strings.TrimSpace(name)
		add := func(to *[]string, ok bool) {
			if ok {
				*to = append(*to, name)
			} else {
				i.Say(r, crm.Unknown, column, v, "of "+of+" is in no file; left out")
			}
		}
		_, isUser := i.Org.Users[name]
		_, isDepartment := i.Org.Departments[name]
		_, isGroup := i.Org.Groups[name]
		_, isRole := i.Org.Roles[name]
		switch kind {
		case "user", "员工":
			add(&p.Users, isUser)
		case "department", "部门":
			add(&p.Departments, isDepartment)
		case "department+", "部门+":
			add(&p.DepartmentsAndBelow, isDepartment)
		case "group", "用户组":
			add(&p.Groups, isGroup)
		case "role", "角色":
			add(&p.Roles, isRole)
		default:
			i.Say(r, crm.Unknown, column, v, "of "+of+" is neither user:, department:, department+:, group: nor role:; left out")
		}
	}
	return p
}

func (i *importer) group(r crm.Row) {
	if !i.need(r, "group", "group") {
		return
	}
	name := r.Text("group")
	i.Later(names, func() { description.Mention(&i.Org.Groups, name) })
	i.Later(links, func() {
		g, more := i.Org.Groups[name], i.people(r, "members", name)
		i.Org.Groups[name] = People{
			Users: append(g.Users, more.Users...), Departments: append(g.Departments, more.Departments...), Groups: append(g.Groups, more.Groups...),
			DepartmentsAndBelow: append(g.DepartmentsAndBelow, more.DepartmentsAndBelow...), Roles: append(g.Roles, more.Roles...),
		}
		i.Say(r, crm.Taken, "group", name, "")
	})
}

func (i *importer) rule(r crm.Row) {
	if !i.need(r, "sharing rule", "object") {
		return
	}
	object := r.Text("object")
	i.Later(names, func() { description.Mention(&i.Org.Objects, object) })
	i.Later(rights, func() {
		access, ok := i.oneOf(r, "sharing rule", "access", object, "read_only", "read_write")
		if !ok {
			return
		}
		from := i.people(r, "from", object)
		i.Org.Rules = append(i.Org.Rules, SharingRule{Object: object, From: &from, To: i.people(r, "to", object), Access: access})
		i.Say(r, crm.Taken, "sharing rule", object, "")
	})
}

func (i *importer) pool(r crm.Row) {
	if !i.need(r, "pool", "pool", "object") {
		return
	}
	name, object := r.Text("pool"), r.Text("object")
	i.Later(names, func() { description.Mention(&i.Org.Objects, object) })
	i.Later(rights, func() {
		if _, again := i.Org.Pools[name]; again {
			i.Say(r, crm.Ambiguous, "pool", name, "stands twice; the first is taken")
			return
		}
		description.Put(&i.Org.Pools, name, Pool{Object: object, Members: i.people(r, "members", name), Admins: i.people(r, "admins", name)})
		i.Say(r, crm.Taken, "pool", name, "")
	})
}

// onRecord tells whether a row about one record names a user and an object that are described.
func (i *importer) onRecord(r crm.Row, kind string) bool {
	what := r.Text("object") + "/" + r.Text("record")
	return description.Known(&i.Importer, r, i.Org.Objects, kind+" object", r.Text("object"), what) &&
		description.Known(&i.Importer, r, i.Org.Users, kind+" user", r.Text("user"), what)
}

func (i *importer) teamMember(r crm.Row) {
	if !i.need(r, "team member", "object", "record", "user") {
		return
	}
	i.Later(records, func() {
		m := TeamMember{Object: r.Text("object"), Record: r.Text("record"), User: r.Text("user"), Role: word(r.Text("team_role"))}
		what := m.Object + "/" + m.Record + " " + m.User
		access, ok := i.oneOf(r, "team member", "access", what, "read_only", "read_write")
		switch {
		case !ok || !i.onRecord(r, "team member"):
		case m.Role == ownerRole || m.Role == "负责人":
			i.Say(r, crm.NotExpressible, "team member", what, "the record itself says who owns it")
		default:
			m.Access = access
			i.Org.Team = append(i.Org.Team, m)
			i.Say(r, crm.Taken, "team member", what, "")
		}
	})
}

func (i *importer) temporary(r crm.Row) {
	if !i.need(r, "temporary permission", "object", "record", "user") {
		return
	}
	i.Later(records, func() {
		t := Temporary{Object: r.Text("object"), Record: r.Text("record"), User: r.Text("user"), Scene: r.Text("scene")}
		what := t.Object + "/" + t.Record + " " + t.User
		access, ok := i.oneOf(r, "temporary permission", "access", what, "read_only", "read_write")
		if !ok || !i.onRecord(r, "temporary permission") {
			return
		}
		var known bool
		if t.From, known = i.instant(r, "from", what); !known {
			return
		}
		if t.Until, known = i.instant(r, "until", what); !known {
			return
		}
		t.Access = access
		i.Org.Temporary = append(i.Org.Temporary, t)
		i.Say(r, crm.Taken, "temporary permission", what, "")
	})
}

// instant is the time in a column, zero if it is empty; not ok, and told, if it is none.
func (i *importer) instant(r crm.Row, column, of string) (t time.Time, ok bool) {
	s := r.Text(column)
	if s == "" {
		return t, true
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		i.Say(r, crm.Unknown, "temporary permission", of, column+" "+s+" is no time such as 2026-11-22T09:00:00Z; the row is left out")
	}
	return t, err == nil
}
