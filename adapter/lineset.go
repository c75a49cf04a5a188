package adapter

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/crmauthz/crmauthz/model"
)

// What follows keeps a million lines in 24 bytes each, without a pointer that
// the garbage collector would follow: words gives each distinct string a
// number, a row is a line in such numbers, rows is a list of them in chunks,
// and lineSet finds a row in it.

// row is a line without its tenant: the section's place in sections and the
// numbers of up to five columns, 0 for those that it does not have.
type row [6]uint32

var sections = [...]model.Section{
	model.CustomerRules, model.TeamRules, model.FieldRules, model.Switches, model.Memberships, model.OrgEdges,
}

// columns are the places in a line of the columns that a row of the section
// has: all but the tenant's.
var columns = [...][]int{{0, 2, 3, 4, 5}, {0, 2, 3, 4, 5}, {0, 2, 3, 4, 5}, {0, 2, 3, 4, 5}, {0, 1, 3}, {0, 1}}

// section is the place of a section in sections, or -1.
func section(s model.Section) int {
	for i, known := range sections {
		if s == known {
			return i
		}
	}
	return -1
}

// words numbers strings in the order in which they are first seen.
type words struct {
	list  []string
	index index
	text  strings.Builder // what the list's last strings are parts of
	last  [6]uint32       // number seen last in each column: lines often repeat
}

const (
	wordShards = 256
	textSize   = 16 << 10
)

func newWords() words {
	index, _ := newIndex(wordShards, 0, nil)
	return words{list: []string{""}, index: index}
}

var wordSeed = maphash.MakeSeed()

func hashWord(s string) uint32 { return uint32(maphash.String(wordSeed, s)) }

// lookup is the number of s, if it has one.
func (w *words) lookup(s string, hash uint32) (number uint32, ok bool) {
	return w.index.get(hash, func(i uint32) bool { return w.list[i] == s })
}

// number is the number of s, given to it now if it has none.
func (w *words) number(s string) uint32 {
	hash := hashWord(s)
	n, ok := w.lookup(s, hash)
	if !ok {
		n = uint32(len(w.list))
		w.list = append(w.list, w.keep(s))
		w.index.put(hash, n)
	}
	return n
}

// keep copies s, which may be a part of something big, in as little space as it takes.
func (w *words) keep(s string) string {
	if w.text.Len()+len(s) > w.text.Cap() {
		w.text = strings.Builder{} // what was written stays where it is
		w.text.Grow(max(textSize, len(s)))
	}
	from := w.text.Len()
	w.text.WriteString(s)
	return w.text.String()[from:]
}

// row is the row of a well-formed line.
func (w *words) row(l *model.Line) row {
	s := section(l.Section)
	r := row{uint32(s)}
	for i, at := range columns[s] {
		r[i+1] = w.number(l.Values[at])
	}
	return r
}

// find is the row of a well-formed line, if it has one already.
func (w *words) find(l *model.Line) (row, bool) {
	s := section(l.Section)
	r := row{uint32(s)}
	for i, at := range columns[s] {
		n, ok := w.lookup(l.Values[at], hashWord(l.Values[at]))
		if !ok {
			return row{}, false
		}
		r[i+1] = n
	}
	return r, true
}

// intern is the row of any line, or what is wrong with the line's shape.
func (w *words) intern(l *model.Line) (row, error) {
	s := section(l.Section)
	if s < 0 || !hasColumns(l) {
		return row{}, malformed(l)
	}
	r := row{uint32(s)}
	for i, at := range columns[s] {
		v, last := l.Values[at], w.last[at]
		if v != w.list[last] {
			if len(v) > model.MaxColumn && utf8.RuneCountInString(v) > model.MaxColumn {
				return row{}, malformed(l)
			}
			last = w.number(v)
			w.last[at] = last
		}
		r[i+1] = last
	}
	return r, nil
}

// malformed is what is wrong with a line, of whose strings it keeps none.
func malformed(l *model.Line) error {
	c := model.Line{Section: model.Section(strings.Clone(string(l.Section)))}
	for i, v := range l.Values {
		c.Values[i] = strings.Clone(v)
	}
	_, err := model.Decode(c)
	return err
}

// hasColumns tells whether the line has the columns of its section and no others.
func hasColumns(l *model.Line) bool {
	n := l.Section.Columns()
	for i := range l.Values {
		if (l.Values[i] != "") != (i < n) {
			return false
		}
	}
	return true
}

// spell writes the line of a row.
func (w *words) spell(l *model.Line, r row, tenant string) {
	s := r[0]
	l.Section = sections[s]
	if s < 4 {
		l.Values = [6]string{w.list[r[1]], tenant, w.list[r[2]], w.list[r[3]], w.list[r[4]], w.list[r[5]]}
	} else {
		l.Values = [6]string{w.list[r[1]], w.list[r[2]], tenant, w.list[r[3]]} // the word 0 is ""
	}
}

// rows is a list of rows in chunks, so that growing never copies them all.
type rows struct{ chunks [][]row }

const (
	chunkBits = 7
	chunkSize = 1 << chunkBits
)

func (rs *rows) len() int {
	n := len(rs.chunks)
	if n == 0 {
		return 0
	}
	return (n-1)*chunkSize + len(rs.chunks[n-1])
}

func (rs *rows) at(i uint32) *row { return &rs.chunks[i>>chunkBits][i&(chunkSize-1)] }

func (rs *rows) push(r row) {
	n := len(rs.chunks)
	switch {
	case n == 0:
		rs.chunks = append(rs.chunks, make([]row, 0, 4))
	case len(rs.chunks[n-1]) == chunkSize:
		rs.chunks = append(rs.chunks, make([]row, 0, chunkSize))
	}
	last := &rs.chunks[len(rs.chunks)-1]
	*last = append(*last, r)
}

func (rs *rows) pop() row {
	last := &rs.chunks[len(rs.chunks)-1]
	r := (*last)[len(*last)-1]
	*last = (*last)[:len(*last)-1]
	if len(*last) == 0 {
		rs.chunks = rs.chunks[:len(rs.chunks)-1]
	}
	return r
}

// lineSet is a set of rows. Its index is made when it is first needed.
type lineSet struct {
	rows  rows
	index index // nil: not made
}

const rowsPerShard = 1024

// settle makes a set of rows that were only pushed: it takes out duplicates,
// and gives back what the last chunk has too much. It returns the memory of the
// index that it made, for the next set.
func (s *lineSet) settle(in []slot) []slot {
	used := s.makeIndex(in)
	s.index = nil
	if n := len(s.rows.chunks); n > 0 {
		last := &s.rows.chunks[n-1]
		*last = append(make([]row, 0, len(*last)), *last...)
	}
	return used
}

// makeIndex makes the index, in the given memory if that suffices. A row that occurs again is taken out.
func (s *lineSet) makeIndex(in []slot) []slot {
	shards := 1
	for shards*rowsPerShard < s.rows.len() {
		shards *= 2
	}
	s.index, in = newIndex(shards, s.rows.len(), in)
	for i := uint32(0); i < uint32(s.rows.len()); {
		r := s.rows.at(i)
		if _, again := s.find(r); !again {
			s.index.put(r.hash(), i)
			i++
		} else if last := s.rows.pop(); i < uint32(s.rows.len()) {
			*s.rows.at(i) = last
		}
	}
	return in
}

func (s *lineSet) find(r *row) (place uint32, ok bool) {
	if s.index == nil {
		s.makeIndex(nil)
	}
	return s.index.get(r.hash(), func(i uint32) bool { return *s.rows.at(i) == *r })
}

func (s *lineSet) has(r row) bool {
	_, ok := s.find(&r)
	return ok
}

// add adds a row, unless it is there.
func (s *lineSet) add(r row) {
	if _, ok := s.find(&r); ok {
		return
	}
	s.rows.push(r)
	s.index.put(r.hash(), uint32(s.rows.len()-1))
}

// remove removes a row; the last one takes its place.
func (s *lineSet) remove(r row) {
	i, ok := s.find(&r)
	if !ok {
		return
	}
	s.index.remove(r.hash(), i)
	if last := uint32(s.rows.len() - 1); i != last {
		s.index.move(s.rows.at(last).hash(), last, i)
		*s.rows.at(i) = *s.rows.at(last)
	}
	s.rows.pop()
}

func (r *row) hash() uint32 {
	const k1, k2, k3 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93, 0xa0761d6478bd642f // any odd, well mixed numbers
	hi, lo := bits.Mul64((uint64(r[0])<<32|uint64(r[1]))^k1, (uint64(r[2])<<32|uint64(r[3]))^k2)
	hi, lo = bits.Mul64(hi^lo^(uint64(r[4])<<32|uint64(r[5])), k3)
	return uint32(hi ^ lo)
}
