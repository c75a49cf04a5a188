package zoho_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model"
	"github.com/crmauthz/crmauthz/model/crm"
	"github.com/crmauthz/crmauthz/model/crm/internal/crmtest"
	"github.com/crmauthz/crmauthz/model/crm/zoho"
)

const exported = "../../../testdata/crm/zoho/export"

func TestImport(t *testing.T) {
	o, report, err := zoho.Import(t.Context(), os.DirFS(exported), zoho.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := &zoho.Organisation{
		Modules: map[string]zoho.Module{
			"Leads": {
				Default: "private", Territories: true,
				Fields: map[string]zoho.Field{
					"Last_Name":    {Type: "text", Profiles: map[string]string{"Standard": "read_write", "Service": "read_only"}},
					"Created_Time": {Type: "datetime", Profiles: map[string]string{"Standard": "read_only", "Service": "hidden"}},
					"Lead_Status":  {Type: "picklist"},
					"Weather":      {Profiles: map[string]string{"Administrator": "hidden", "Standard": "hidden", "Service": "hidden"}},
				},
				Lock: &zoho.Lock{
					Type: "automatic", Actions: []string{"edit", "delete", "change_owner", "send_mail"},
					Rules:            []zoho.Criteria{{Comparator: "equal", Field: "Lead_Status", Value: zoho.Values{"Won"}}},
					ExcludedProfiles: []string{"Service"}, ExcludedFields: []string{"Lead_Status"},
				},
			},
			"Deals": {Default: "public_read_only", Territories: true},
			"Sites": {},
		},
		Profiles: map[string]zoho.Profile{
			"Administrator": {Administrator: true, Modules: map[string][]string{}},
			"Standard": {
				Modules: map[string][]string{
					"Leads": {"Crm_Implied_Customise_Leads", "create", "edit", "view"}, "Deals": {"edit", "view"}, "Sites": {"view"},
				},
				Permissions: []string{"Crm_Implied_Chat_Access"},
			},
			"Service": {Modules: map[string][]string{"Leads": {"view"}}},
		},
		Roles: map[string]zoho.Role{
			"CEO": {ShareWithPeers: true}, "Sales": {ReportsTo: "CEO"}, "Service": {ReportsTo: "CEO", ShareWithPeers: true},
		},
		Users: map[string]zoho.User{
			"301": {Profile: "Administrator", Role: "CEO"}, "302": {Profile: "Standard", Role: "Sales", ReportsTo: "301"},
			"303": {Profile: "Standard", Role: "Sales", Status: "unconfirmed"}, "304": {Profile: "Service", Role: "Service"},
			"306": {Profile: "Standard", Role: "Sales", Status: "inactive"}, "307": {Profile: "Standard", Role: "Sales"},
		},
		Groups: map[string]zoho.People{"Helpers": {RolesAndSubordinates: []string{"Service"}, Users: []string{"307"}}},
		Rules: []zoho.SharingRule{
			{
				Name: "Helpers read", Module: "Leads", From: &zoho.People{RolesAndSubordinates: []string{"Sales"}},
				To: zoho.People{Groups: []string{"Helpers"}}, Access: "read_only", Status: "active",
			},
			{
				Name: "Hot", Module: "Leads", SuperiorsAllowed: true, To: zoho.People{Roles: []string{"Service"}}, Access: "read_write_delete", Status: "active",
				Criteria: &zoho.Criteria{GroupOperator: "and", Group: []zoho.Criteria{
					{Comparator: "equal", Field: "Lead_Status", Value: zoho.Values{"Hot"}}, {Comparator: "not_equal", Field: "Owner", Value: zoho.Values{"303"}},
				}},
			},
		},
		Shares: []zoho.Share{{Module: "Leads", Record: "7001", With: zoho.People{Users: []string{"304"}}, Access: "read_write"}},
		Territories: map[string]zoho.Territory{"North": {
			Access: "read_write_delete", Manager: "302", Users: []string{"302"},
			Criteria: map[string]zoho.Criteria{
				"Deals": {Comparator: "greater_equal", Field: "Amount", Value: zoho.Values{"2000000"}},
				"Leads": {Comparator: "equal", Field: "Lead_Status", Value: zoho.Values{"North"}},
			},
		}},
	}
	if d := cmp.Diff(want, o); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if _, err := o.Compile("acme"); err != nil {
		t.Error(err)
	}
	wantCounts(t, report)
}

func wantCounts(t *testing.T, report *crm.Report) {
	t.Helper()
	counts := crmtest.Counts(t, report)
	maps.DeleteFunc(counts, func(what string, _ int) bool { return strings.HasSuffix(what, " key") })
	want := map[string]int{
		"taken: permission": 8, "taken: permission that is off": 4, "unknown: permission": 2, "ambiguous: permission": 2,
		"taken: profile": 3, "taken: role": 3, "unknown: role": 1, "taken: user": 6, "unknown: user": 1,
		"taken: group": 1, "taken: group source": 2, "not expressible: group source": 1, "unknown: group source": 1,
		"taken: data sharing": 2, "unknown: data sharing": 1, "not expressible: data sharing": 1,
		"taken: sharing rule": 2, "not expressible: sharing rule": 1, "taken: sharing rule source": 4,
		"taken: field": 4, "taken: field profile": 4, "unknown: field profile": 2, "unknown: data type": 1,
		"taken: lock": 1, "taken: locking rule": 1, "taken: territory": 1, "taken: share": 1, "taken: share source": 1, "not expressible: share": 1,
	}
	if d := cmp.Diff(want, counts); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if report.Files != 12 {
		t.Errorf("%d files", report.Files)
	}
}

func TestImportRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 100_000)
	for name, tc := range map[string]struct {
		file string
		want error
		line int
	}{
		"nothing":              {"", crm.ErrMalformed, 1},
		"no JSON":              {"<xml/>", crm.ErrMalformed, 1},
		"cut off":              {"{\"roles\": [\n{\"id\":", crm.ErrMalformed, 2},
		"another root":         {`{"code": "INVALID_TOKEN"}`, crm.ErrWrongRoot, 1},
		"an array":             {`[]`, crm.ErrMalformed, 1},
		"something follows":    {"{\"roles\": []}\n{}", crm.ErrMalformed, 2},
		"a key twice":          {"{\"roles\": [{\n\"id\": \"1\",\n\"id\": \"2\"}]}", crm.ErrMalformed, 3},
		"an object for a text": {"{\"roles\": [\n{\"name\": {}}]}", crm.ErrMalformed, 2},
		"a text for a flag":    {`{"roles": [{"share_with_peers": "yes"}]}`, crm.ErrMalformed, 1},
		"deep":                 {`{"info": ` + deep, crm.ErrMalformed, 1},
		"deep in what is read": {`{"profiles": [{"permissions_details": [{"parent_permissions": ` + deep, crm.ErrMalformed, 1},
		"two at the top":       {`{"roles": [{"name": "A", "id": "1"}, {"name": "B", "id": "2"}]}`, crm.ErrMalformed, 0},
		"a circle":             {`{"roles": [{"name": "A", "id": "1", "reporting_to": "2"}, {"name": "B", "id": "2", "reporting_to": "1"}]}`, model.ErrTooDeep, 0},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := fstest.MapFS{"data_sharing.json": {Data: []byte(`{"data_sharing":[{"share_type":"private","module":{"api_name":"Leads"}}]}`)}, "x.json": {Data: []byte(tc.file)}}
			o, _, err := zoho.Import(t.Context(), fsys, zoho.Options{})
			var e *crm.Error
			if !errors.Is(err, tc.want) || !errors.As(err, &e) || o != nil {
				t.Fatalf("%v, want %v", err, tc.want)
			}
			if e.Line != tc.line || tc.line > 0 && e.File != "x.json" {
				t.Errorf("%v: at %s line %d, want line %d", err, e.File, e.Line, tc.line)
			}
		})
	}
	if _, _, err := zoho.Import(t.Context(), fstest.MapFS{}, zoho.Options{}); !errors.Is(err, crm.ErrNotFound) {
		t.Error("no files:", err)
	}
	if _, _, err := zoho.Import(t.Context(), fstest.MapFS{}, zoho.Options{Users: "name"}); !errors.Is(err, crm.ErrMalformed) {
		t.Error("options:", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := zoho.Import(ctx, os.DirFS(exported), zoho.Options{}); !errors.Is(err, context.Canceled) {
		t.Error("cancelled:", err)
	}
}

// endless is a file of so many bytes of JSON that is in no memory.
type endless struct {
	fs.File
	head, rest string
	left       int
}

func (e *endless) Open(string) (fs.File, error) { return e, nil }
func (e *endless) ReadDir(string) ([]fs.DirEntry, error) {
	return []fs.DirEntry{fs.FileInfoToDirEntry(e)}, nil
}
func (e *endless) Stat() (fs.FileInfo, error) { return e, nil }
func (e *endless) Name() string               { return "x.json" }
func (e *endless) Size() int64                { return int64(e.left) }
func (e *endless) Mode() fs.FileMode          { return 0 }
func (e *endless) ModTime() time.Time         { return time.Time{} }
func (e *endless) IsDir() bool                { return false }
func (e *endless) Sys() any                   { return nil }
func (e *endless) Close() error               { return nil }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	if e.head != "" {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	n := 0
	for n+len(e.rest) <= len(p) {
		n += copy(p[n:], e.rest)
	}
	e.left -= n
	return n, nil
}

// oneFile is a file system with the one file.
type oneFile struct{ *endless }

func (o oneFile) Open(name string) (fs.File, error) {
	if name == "." {
		return nil, fs.ErrNotExist
	}
	return o.endless, nil
}
func (o oneFile) Stat(name string) (fs.FileInfo, error) {
	if name == "." {
		return dot(o), nil
	}
	return o.endless, nil
}

type dot struct{ *endless }

func (dot) IsDir() bool       { return true }
func (dot) Mode() fs.FileMode { return fs.ModeDir }
func (dot) Name() string      { return "." }

func TestImportOfHugeFilesIsBounded(t *testing.T) {
	for name, e := range map[string]*endless{
		"of elements that are passed over": {head: `{"users": [`, rest: `{"theme": {"x": [1, 2, 3]}},` + "\n"},
		"of newlines":                      {head: `{`, rest: "\n"},
		"of one text":                      {head: `{"info": "`, rest: "aaaaaaaaaaaaaaaa"},
	} {
		t.Run(name, func(t *testing.T) {
			e.left = 50 << 20
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, report, err := zoho.Import(t.Context(), oneFile{e}, zoho.Options{})
			if !errors.Is(err, crm.ErrTooLarge) {
				t.Fatal(err)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
				t.Errorf("%d bytes are kept", grown)
			}
			t.Logf("%d MB allocated in all, %v", (after.TotalAlloc-before.TotalAlloc)>>20, err)
			runtime.KeepAlive(report)
		})
	}
}

func FuzzImport(f *testing.F) {
	crmtest.EachFile(f, os.DirFS(exported), func(name string, data []byte) { f.Add(name, data) })
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !fs.ValidPath(name) || name == "." {
			return
		}
		o, report, err := zoho.Import(t.Context(), fstest.MapFS{name: {Data: data}}, zoho.Options{})
		if report == nil || (o == nil) != (err != nil) {
			t.Fatal(o, report, err)
		}
		if err != nil {
			return
		}
		text, err := o.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := zoho.Parse(text); err != nil {
			t.Fatal(err)
		} else if twice, err := again.YAML(); err != nil || !bytes.Equal(text, twice) {
			t.Fatalf("%v: reading and writing changes\n%s\ninto\n%s", err, text, twice)
		}
	})
}

// A profile of about 340 kB, as Zoho's API answers for one.
func BenchmarkImportProfile(b *testing.B) {
	var text strings.Builder
	text.WriteString(`{"profiles": [{"id": "1", "name": "Standard", "custom": true, "permissions_details": [`)
	for n := range 1_500 {
		if n > 0 {
			text.WriteString(",\n")
		}
		fmt.Fprintf(&text, `{"display_label": "View", "customizable": true, "parent_permissions": null, "name": "Crm_Implied_View_CustomModule%d", "module": "Module_%d",`+
			` "id": "4150868000000%06d", "enabled": true, "note": "some two hundred characters a permission"}`, n, n%60, n)
	}
	text.WriteString(`]}]}`)
	fsys := fstest.MapFS{"profile.json": {Data: []byte(text.String())}}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := zoho.Import(b.Context(), fsys, zoho.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
