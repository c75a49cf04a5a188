package authz

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz/internal/engine"
	"github.com/crmauthz/crmauthz/model"
)

// Backup is the whole policy of a tenant at one revision. As text it is Casbin's CSV
// with a head of comments, so every Casbin program reads its facts:
//
//	# crmauthz backup 1
//	# tenant acme
//	# revision 42
//	# schema sha256:…
//	# made 2026-11-26T09:00:00Z
//	# facts 2
//	# sum sha256:…
//	g, user:alice, role:rep, acme, -
//	p, role:rep, acme, customer, read, allow, -
type Backup struct {
	Tenant   string // or model.Base
	Revision Revision
	Schema   string // the sum of the schema that the facts were checked against; see [SchemaSum]
	Made     time.Time
	Lines    []model.Line // sorted
}

var (
	// ErrBackup: a text is no backup, or not the one that was written. (ReadBackup)
	ErrBackup = errors.New("the backup is damaged")
	// ErrSchema: a backup's facts were checked against another schema. (Restore)
	ErrSchema = errors.New("the backup is of another schema")
)

// Backup reads a tenant's policy, all of one revision. The base policy "*" is one of its own.
func (a *Authorizer) Backup(ctx context.Context, tenant string) (*Backup, error) {
	if a.closed.Load() {
		return nil, failed("backup", tenant, ErrClosed)
	}
	if err := model.CheckTenant(tenant); err != nil {
		return nil, failed("backup", tenant, model.At("backup", "tenant", tenant, err))
	}
	from, err := a.store.Load(ctx, tenant)
	if err != nil {
		return nil, failed("backup", tenant, fmt.Errorf("%w: %w", ErrUnavailable, err))
	}
	b := &Backup{Tenant: tenant, Revision: from.Revision, Schema: SchemaSum(a.schema.For(tenant)), Made: a.clock().UTC().Truncate(time.Second), Lines: slices.Clone(from.Lines)}
	slices.SortFunc(b.Lines, func(x, y model.Line) int { return strings.Compare(x.String(), y.String()) })
	return b, nil
}

// SchemaSum names a schema: the sum of its YAML.
func SchemaSum(s *Schema) string {
	text, err := s.YAML()
	if err != nil {
		return "" // of a schema that cannot be opened
	}
	return sumOf(text)
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return sumPrefix + hex.EncodeToString(sum[:])
}

const (
	backupTitle = "# crmauthz backup 1"
	sumPrefix   = "sha256:"
)

// WriteTo writes the backup as text.
func (b *Backup) WriteTo(w io.Writer) (int64, error) {
	var body bytes.Buffer
	if err := model.WriteCSV(&body, slices.Values(b.Lines)); err != nil {
		return 0, failed("backup", b.Tenant, err)
	}
	head := b.head()
	text := slices.Concat(head, []byte("# sum "+sumOf(slices.Concat(head, body.Bytes()))+"\n"), body.Bytes())
	n, err := w.Write(text)
	return int64(n), failed("backup", b.Tenant, err)
}

// head is the comments before the sum.
func (b *Backup) head() []byte {
	return fmt.Appendf(nil, "%s\n# tenant %s\n# revision %d\n# schema %s\n# made %s\n# facts %d\n",
		backupTitle, b.Tenant, b.Revision, b.Schema, b.Made.Format(time.RFC3339), len(b.Lines))
}

// ReadBackup reads what WriteTo wrote; what differs from it in a single character is refused with ErrBackup.
func ReadBackup(r io.Reader) (*Backup, error) {
	b, err := readBackup(r)
	if err != nil {
		return nil, failed("read backup", "", err)
	}
	return b, nil
}

func readBackup(from io.Reader) (*Backup, error) {
	r := bufio.NewReader(from)
	read := sha256.New() // all but the line of the sum itself
	var b Backup
	var count int
	var sum string
	var revision uint64
	for _, line := range []struct {
		name string
		read func(value string) error
	}{
		{"crmauthz", func(v string) error { return expect(v, "backup 1") }},
		{"tenant", func(v string) error { b.Tenant = v; return model.CheckTenant(v) }},
		{"revision", func(v string) (err error) { revision, err = strconv.ParseUint(v, 10, 64); return err }},
		{"schema", func(v string) error { b.Schema = v; return nil }},
		{"made", func(v string) (err error) { b.Made, err = time.Parse(time.RFC3339, v); return err }},
		{"facts", func(v string) (err error) { count, err = strconv.Atoi(v); return err }},
		{"sum", func(v string) error { sum = v; return nil }},
	} {
		text, err := r.ReadSlice('\n') // at most 4 KB
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return nil, err
		}
		value, ok := strings.CutPrefix(string(text), "# "+line.name+" ")
		if !ok || !strings.HasSuffix(value, "\n") {
			return nil, fmt.Errorf("%w: no line %q", ErrBackup, line.name)
		}
		if err := line.read(strings.TrimSuffix(value, "\n")); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrBackup, line.name, err)
		}
		if line.name != "sum" {
			read.Write(text)
		}
	}
	b.Revision, b.Made = Revision(revision), b.Made.UTC()
	for l, err := range model.ReadCSV(io.TeeReader(r, read)) {
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBackup, err)
		}
		if l.Tenant() != b.Tenant {
			return nil, fmt.Errorf("%w: %q is of another tenant than %s", ErrBackup, l, b.Tenant)
		}
		b.Lines = append(b.Lines, l)
	}
	if is := sumPrefix + hex.EncodeToString(read.Sum(nil)); is != sum || len(b.Lines) != count {
		return nil, fmt.Errorf("%w: its sum is %s and not %s", ErrBackup, is, sum)
	}
	return &b, nil
}

func expect(is, want string) error {
	if is != want {
		return fmt.Errorf("%q, not %q", is, want)
	}
	return nil
}

// Restore makes a tenant's policy what a backup has, as one change: every decision is as it was then.
// But no tenant is open by it: one that was open then, or is now, is so no more. Refused are a backup of another tenant (ErrBackup), or of
// another schema (ErrSchema).
func (a *Authorizer) Restore(ctx context.Context, by Author, tenant string, b *Backup) (Revision, error) {
	start := a.started()
	rev, err := a.apply(ctx, by, tenant, func(ctx context.Context, s *engine.Snapshot) (remove, add []model.Line, err error) {
		return a.restoring(ctx, tenant, b, s.Revision)
	})
	return a.changed(ctx, "restore", start, tenant, by, rev, err)
}

// RestoreChanges tells what Restore would change: the facts that it would add and take away.
func (a *Authorizer) RestoreChanges(ctx context.Context, tenant string, b *Backup) (add, remove []Fact, err error) {
	if a.closed.Load() {
		return nil, nil, failed("restore", tenant, ErrClosed)
	}
	gone, come, err := a.restoring(ctx, tenant, b, 0)
	if err != nil {
		return nil, nil, failed("restore", tenant, err)
	}
	for _, of := range []struct {
		lines []model.Line
		facts *[]Fact
	}{{gone, &remove}, {come, &add}} {
		for _, l := range of.lines {
			f, err := model.Decode(l)
			if err != nil {
				return nil, nil, failed("restore", tenant, err)
			}
			*of.facts = append(*of.facts, f)
		}
	}
	return add, remove, nil
}

// restoring is what is to change so that the policy, at a revision (0: any), is that of the backup.
func (a *Authorizer) restoring(ctx context.Context, tenant string, b *Backup, at Revision) (remove, add []model.Line, err error) {
	schema := a.schema.For(tenant)
	switch {
	case b == nil || b.Tenant != tenant:
		return nil, nil, fmt.Errorf("%w: it is not of tenant %q", ErrBackup, tenant)
	case b.Schema != SchemaSum(schema):
		return nil, nil, fmt.Errorf("%w: %s", ErrSchema, b.Schema)
	}
	from, err := a.store.Load(ctx, tenant)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if at != 0 && from.Revision != at {
		return nil, nil, adapter.ErrConflict
	}
	missing := make(map[model.Line]bool, len(b.Lines))
	for _, l := range b.Lines {
		f, err := model.Decode(l)
		if err == nil {
			err = schema.CheckFact(f)
		}
		if err == nil && f.TenantID() != tenant {
			err = fmt.Errorf("%w: %q is not of tenant %q", ErrBackup, l, tenant)
		}
		if err != nil {
			return nil, nil, err
		}
		if s, ok := f.(model.Switch); !ok || s.Mode != model.ModeOpen {
			missing[l] = true
		}
	}
	for _, l := range from.Lines {
		if missing[l] {
			delete(missing, l)
		} else {
			remove = append(remove, l)
		}
	}
	return remove, slices.SortedFunc(maps.Keys(missing), func(x, y model.Line) int { return strings.Compare(x.String(), y.String()) }), nil
}
