package source

import (
	"context"
	"regexp"
	"strconv"
	"strings"
)

var (
	varchar = regexp.MustCompile(`(?i)char\w*\s*\(\s*(\d+)\s*\)`)
	collate = regexp.MustCompile(`(?i)COLLATE\s+["'` + "`" + `]?(\w+)`)
)

// describeSQLite: a column's collation stands in the text that made the table only.
func (t *Table) describeSQLite(ctx context.Context, tx querier) error {
	err := each(ctx, tx, func(scan func(...any) error) error {
		var name, typ, text string
		if err := scan(&name, &typ, &text); err != nil {
			return err
		}
		c := Column{Name: strings.ToLower(name)}
		if m := varchar.FindStringSubmatch(typ); m != nil {
			c.Width, _ = strconv.Atoi(m[1])
		}
		c.Collation = sqliteCollation(text, name)
		t.Columns = append(t.Columns, c)
		return nil
	}, "SELECT i.name, i.type, s.sql FROM sqlite_master s, pragma_table_info(s.name) i WHERE s.type = 'table' AND s.name = ?", t.Name)
	if err != nil {
		return err
	}
	t.keepValues()
	return t.findUnique(ctx, tx, `SELECT l.name, i.name FROM pragma_index_list(?) l, pragma_index_info(l.name) i
		WHERE l."unique" = 1 AND l.partial = 0 ORDER BY l.name`)
}

// sqliteCollation looks for one in a column's part of the table's text.
func sqliteCollation(text, column string) string {
	at := regexp.MustCompile("(?i)[(,]\\s*[`\"\\[]?" + regexp.QuoteMeta(column) + "\\b[^,]*").FindString(text)
	if m := collate.FindStringSubmatch(at); m != nil && !strings.EqualFold(m[1], "BINARY") {
		return m[1]
	}
	return ""
}

func (t *Table) describePostgres(ctx context.Context, tx querier) error {
	err := each(ctx, tx, func(scan func(...any) error) error {
		var c Column
		err := scan(&c.Name, &c.Width, &c.Collation)
		t.Columns = append(t.Columns, c)
		return err
	}, `SELECT a.attname, CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END,
			CASE WHEN NOT COALESCE(c.collisdeterministic, true) THEN c.collname::text ELSE '' END
		FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation
		WHERE a.attrelid = to_regclass(quote_ident($1)) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, t.Name)
	if err != nil {
		return err
	}
	t.keepValues()
	return t.findUnique(ctx, tx, `SELECT i.indexrelid::text, a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
		WHERE i.indrelid = to_regclass(quote_ident($1)) AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL ORDER BY 1`)
}

func (t *Table) describeMySQL(ctx context.Context, tx querier) error {
	err := each(ctx, tx, func(scan func(...any) error) error {
		var c Column
		err := scan(&c.Name, &c.Width, &c.Collation)
		c.Name = strings.ToLower(c.Name)
		if comparesBytes(c.Collation) {
			c.Collation = ""
		}
		t.Columns = append(t.Columns, c)
		return err
	}, `SELECT column_name, COALESCE(character_maximum_length, 0), COALESCE(collation_name, '') FROM information_schema.columns
		WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position`, t.Name)
	if err != nil {
		return err
	}
	t.keepValues()
	err = each(ctx, tx, func(scan func(...any) error) error {
		var mode string
		err := scan(&mode)
		t.Cuts = !strings.Contains(mode, "STRICT_")
		return err
	}, "SELECT @@GLOBAL.sql_mode")
	if err != nil {
		return err
	}
	return t.findUnique(ctx, tx, `SELECT index_name, LOWER(column_name) FROM information_schema.statistics
		WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 0 AND sub_part IS NULL ORDER BY index_name`)
}

// comparesBytes tells whether a collation of MySQL or MariaDB takes only equal
// texts for equal. One that pads takes "a" and "a " for the same.
func comparesBytes(collation string) bool {
	return collation == "binary" || strings.HasSuffix(collation, "_nopad_bin") || collation == "utf8mb4_0900_bin"
}

// findUnique runs a query of the names of the table's unique indexes, with each of their columns.
func (t *Table) findUnique(ctx context.Context, tx querier, query string) error {
	indexes := map[string][]string{}
	err := each(ctx, tx, func(scan func(...any) error) error {
		var index, column string
		err := scan(&index, &column)
		indexes[index] = append(indexes[index], strings.ToLower(column))
		return err
	}, query, t.Name)
	for _, columns := range indexes {
		t.Unique = t.Unique || t.covers(columns)
	}
	return err
}
