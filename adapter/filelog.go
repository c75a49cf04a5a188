package adapter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/crmauthz/crmauthz/model"
)

// record is an entry as a line of JSON in the log of a File.
type record struct {
	Tenant   string         `json:"tenant"`
	Revision model.Revision `json:"revision"`
	ID       string         `json:"id"`
	Actor    string         `json:"actor"`
	Reason   string         `json:"reason"`
	At       time.Time      `json:"at"`
	Remove   [][]string     `json:"remove"`
	Add      [][]string     `json:"add"`
}

func logLine(e Entry) ([]byte, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	err := to.Encode(record{
		Tenant: e.Tenant, Revision: e.Revision, ID: e.ID, Actor: e.Actor, Reason: e.Reason, At: e.At,
		Remove: columnsOf(e.Remove), Add: columnsOf(e.Add),
	})
	return b.Bytes(), err
}

func columnsOf(lines []model.Line) [][]string {
	out := make([][]string, len(lines))
	for i, l := range lines {
		out[i] = append([]string{string(l.Section)}, l.Columns()...)
	}
	return out
}

// entryOfLog reads what logLine wrote, and nothing else.
func entryOfLog(text []byte) (Entry, error) {
	var r record
	if err := readJSON(text, &r); err != nil {
		return Entry{}, err
	}
	if r.Revision == 0 || len(r.Remove)+len(r.Add) == 0 {
		return Entry{}, refuse("log", "entry", string(text), "an entry has a revision above 0 and a line")
	}
	c := Change{Tenant: r.Tenant, ID: r.ID, Base: r.Revision - 1, Actor: r.Actor, Reason: r.Reason, At: r.At}
	var err error
	if c.Remove, err = linesOf(r.Remove); err != nil {
		return Entry{}, err
	}
	if c.Add, err = linesOf(r.Add); err != nil {
		return Entry{}, err
	}
	c, err = c.Normal()
	return Entry{c, r.Revision}, err
}

func linesOf(columns [][]string) ([]model.Line, error) {
	out := make([]model.Line, len(columns))
	for i, c := range columns {
		if len(c) == 0 || len(c) > 1+len(out[i].Values) {
			return nil, refuse("log", "line", "", "a section and its values")
		}
		out[i].Section = model.Section(c[0])
		copy(out[i].Values[:], c[1:])
	}
	return out, nil
}

// readLog reads the log that belongs to the policy in m, and tells how much of
// it counts. What does not is the rest of the one change that was being made
// when the last process ended: half a line, or an entry that is one revision
// ahead of the policy. Any other mismatch is an error.
func (m *Memory) readLog(data []byte) (size int64, err error) {
	number := 0
	for text := range bytes.Lines(data) {
		number++
		last := int(size)+len(text) == len(data)
		e, err := entryOfLog(text)
		if last && (err != nil || text[len(text)-1] != '\n') {
			break
		}
		if err != nil {
			return 0, &model.SourceError{Line: number, Err: err}
		}
		t := m.tenants[e.Tenant]
		if t == nil {
			t = &tenant{} // at revision 0
		}
		if last && e.Base == t.revision {
			break
		}
		if err := t.follow(e); err != nil {
			return 0, &model.SourceError{Line: number, Err: err}
		}
		size += int64(len(text))
	}
	for name, t := range m.tenants {
		if end := t.start + model.Revision(len(t.log)); end != t.revision {
			return 0, badLog(name, "the log ends at revision %d, the policy is at %d", end, t.revision)
		}
	}
	return size, nil
}

// follow logs an entry that was read, if it leads on from the one before.
func (t *tenant) follow(e Entry) error {
	if len(t.log) == 0 {
		t.start = min(e.Base, t.revision)
	}
	if end := t.start + model.Revision(len(t.log)); e.Base != end || end == t.revision {
		return badLog(e.Tenant, "revision %d comes after %d, and the policy is at %d", e.Revision, end, t.revision)
	}
	if t.made[e.ID] != nil {
		return badLog(e.Tenant, "the change %s is there twice", e.ID)
	}
	t.keep(e)
	return nil
}

func badLog(tenant, format string, args ...any) error {
	return refuse("log", "tenant", tenant, fmt.Sprintf(format, args...))
}
