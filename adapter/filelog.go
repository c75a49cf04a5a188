package adapter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
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
// when the last process ended: half a line, or an entry, that is one revision
// ahead of the policy. Any other mismatch is an error.
func (m *Memory) readLog(data []byte) (size int64, err error) {
	number := 0
	for text := range bytes.Lines(data) {
		number++
		last := int(size)+len(text) == len(data)
		e, err := entryOfLog(text)
		if last && (err != nil || text[len(text)-1] != '\n') {
			if err := m.unfinished(text); err != nil {
				return 0, &model.SourceError{Line: number, Err: err}
			}
			break
		}
		if err != nil {
			return 0, &model.SourceError{Line: number, Err: err}
		}
		t := m.known(e.Tenant)
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

const logOpening = `{"tenant":"`

var begunEntry = regexp.MustCompile(`^\{"tenant":("[^"]*"),"revision":(\d+),`)

// unfinished tells by nil that the end of a log, which is no entry, is what there was written of one
// that the policy does not have. If there is too little to tell whose it is, that is so.
func (m *Memory) unfinished(text []byte) error {
	text = bytes.TrimRight(text, "\x00") // file systems put it where they did not come to write
	begun := begunEntry.FindSubmatch(text)
	if begun == nil {
		if n := min(len(text), len(logOpening)); string(text[:n]) != logOpening[:n] {
			return refuse("log", "entry", string(text), "is no entry, whole or begun")
		}
		return nil
	}
	var r record
	if err := errors.Join(json.Unmarshal(begun[1], &r.Tenant), json.Unmarshal(begun[2], &r.Revision)); err != nil {
		return refuse("log", "entry", string(text), err.Error())
	}
	if is := m.known(r.Tenant).revision; r.Revision != is+1 {
		return badLog(r.Tenant, "the entry of revision %d is damaged, and the policy is at %d", r.Revision, is)
	}
	return nil
}

// checkLog tells whether the policy has what the log leads to, as far as that reaches back.
func (m *Memory) checkLog() error {
	for name, t := range m.tenants {
		is := map[model.Line]bool{}
		for _, e := range t.log {
			for _, l := range e.Remove {
				is[l] = false
			}
			for _, l := range e.Add {
				is[l] = true
			}
		}
		there := 0
		for l, want := range is {
			r, ok := m.words.find(&l)
			if got := ok && t.lines.has(r); got != want {
				return badLog(name, "the log and the policy do not agree whether there is %s", l)
			}
			if want {
				there++
			}
		}
		if more := t.lines.rows.len() - there; t.start == 0 && more != 0 {
			return badLog(name, "%d lines of the policy are not in the log", more)
		}
	}
	return nil
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
