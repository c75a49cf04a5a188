package authzgorm

import (
	"context"
	"errors"
	"regexp"
	"strings"
)

var ErrRawSQL = errors.New("raw SQL")

type fragment struct {
	columns []columnRef
	aliases []string
}
type columnRef struct{ table, name string }

var tok = regexp.MustCompile(`(?i)^(\s+|[A-Za-z_]\w*(\.([A-Za-z_]\w*|\*))?|\?|@\w+|\d+|<>|!=|<=|>=|[=<>+*/(),%-]|\|\||'[^'\\]*')`)

func readSQL(text string) (f fragment, err error) {
	for text != "" {
		m := tok.FindString(text)
		if m == "" {
			return f, ErrRawSQL
		}
		text = text[len(m):]
		w := strings.ToUpper(strings.TrimSpace(m))
		switch {
		case w == "" || !regexp.MustCompile(`^[A-Z_]`).MatchString(w):
			continue
		case strings.Contains(" AND OR NOT IN IS NULL LIKE BETWEEN ASC DESC DISTINCT AS COUNT SUM MIN MAX AVG LOWER UPPER COALESCE CASE WHEN THEN ELSE END ", " "+w+" "):
		case strings.Contains(" SELECT FROM UNION WHERE EXISTS ", " "+w+" "):
			return f, ErrRawSQL
		default:
			t, n, ok := strings.Cut(m, ".")
			if !ok {
				t, n = "", m
			}
			f.columns = append(f.columns, columnRef{t, n})
		}
	}
	return f, nil
}

type pageState struct {
	read int
	last any
}
type pageStateKey struct{}

func stateOf(ctx context.Context) *pageState { s, _ := ctx.Value(pageStateKey{}).(*pageState); return s }
