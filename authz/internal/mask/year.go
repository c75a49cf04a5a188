package mask

import "time"

// yearForms are the forms of text in which a year is found.
var yearForms = []string{time.RFC3339, time.DateOnly, time.DateTime}

// year shows the year of a time.
func year(value any) any {
	switch v := value.(type) {
	case time.Time:
		return v.Year()
	case string:
		const longestTime = 64 // with a long fraction of a second
		if len(v) > longestTime {
			return nil
		}
		for _, form := range yearForms {
			if t, err := time.Parse(form, v); err == nil {
				return t.Year()
			}
		}
	}
	return nil
}
