package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/crmauthz/crmauthz/model"
)

// Fact is a fact of a policy and where it is written: "policy.yaml:12:5", "policy.csv:3",
// or "policy.db row 3".
type Fact struct {
	model.Fact
	Place string
}

// Facts are those of a policy of ours. An error names the place and the line of
// the first that is refused.
func (s Source) Facts(ctx context.Context) ([]Fact, error) {
	switch s.Kind {
	case YAML:
		facts, err := s.factsOfYAML()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		return facts, nil
	case CSV:
		text, err := os.ReadFile(s.at)
		if err != nil {
			return nil, err
		}
		rows, err := readCSV(bytes.NewReader(bytes.TrimPrefix(text, []byte("\uFEFF"))))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		return s.factsOfRows(rows, "line", func(n int64) string { return s.Name + ":" + strconv.FormatInt(n, 10) })
	}
	rows, _, err := s.readTable(ctx, DefaultTable)
	if err != nil {
		return nil, err
	}
	return s.factsOfRows(rows, "row", func(n int64) string { return s.Name + " row " + strconv.FormatInt(n, 10) })
}

// ReadFile reads a file of YAML, no more of it than is needed to refuse one that is too long.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(f, model.MaxYAML+1))
}

func (s Source) factsOfYAML() (facts []Fact, err error) {
	text, err := ReadFile(s.at)
	if err != nil {
		return nil, err
	}
	if _, err := model.ParsePolicy(text); err != nil { // it refuses more than its parts do
		return nil, err
	}
	y := model.YAMLReader{In: "policy"}
	for tenant, lists := range y.Entries(y.Parse(text)) {
		placed, err := model.FactsOf(tenant.Value, lists)
		if err != nil {
			return nil, err
		}
		for _, f := range placed {
			facts = append(facts, Fact{f.Fact, fmt.Sprintf("%s:%d:%d", s.Name, f.Line, f.Column)})
		}
	}
	return facts, y.Err()
}

func (s Source) factsOfRows(rows []Row, what string, place func(int64) string) ([]Fact, error) {
	facts := make([]Fact, len(rows))
	for i, r := range rows {
		l, err := r.Line()
		if err == nil {
			facts[i].Fact, err = model.Decode(l)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s %d: %w", s.Name, what, r.Number, err)
		}
		facts[i].Place = place(r.Number)
	}
	return facts, nil
}

// Line is the row as a line of crmauthz, if it is one.
func (r Row) Line() (model.Line, error) {
	l := model.Line{Section: model.Section(r.Ptype)}
	if r.Err != nil {
		return model.Line{}, r.Err
	}
	if n := l.Section.Columns(); n > 0 && len(r.Values) > n {
		return model.Line{}, &model.ValueError{
			In: "line", Column: "values", Value: r.String(), Err: model.ErrMalformed, Hint: fmt.Sprintf("a line of %s has %d values", l.Section, n),
		}
	}
	copy(l.Values[:], r.Values)
	return l, l.Check()
}
