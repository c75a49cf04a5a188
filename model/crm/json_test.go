package crm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crmauthz/crmauthz/model/crm"
)

func TestJSONReadsValuesAndTheirLines(t *testing.T) {
	j := crm.NewJSON("x.json", strings.NewReader(`{
	"text": "a", "number": 1.50, "yes": true, "none": null,
	"list": [
		"x",
		{"id": "7", "name": "n", "other": [{}]}, [2]
	],
	"ref": {"name": "n", "id": 8, "more": {}}, "short": "9",
	"skipped": [[{"a": [1, 2]}], "}"],
	"empty": null
}
`))
	var got []string
	for key := range j.Object {
		switch key {
		case "text", "number":
			got = append(got, fmt.Sprint(j.Line(), key, j.Text()))
		case "yes":
			got = append(got, fmt.Sprint(j.Line(), key, j.Flag()))
		case "none":
			got = append(got, fmt.Sprint(key, j.Text() == ""))
		case "list":
			for i := range j.Array {
				if i == 1 {
					got = append(got, fmt.Sprint(j.IDs()))
				} else {
					got = append(got, fmt.Sprint(j.Any(), j.Line()))
				}
			}
		case "ref", "short":
			id, name := j.Ref()
			got = append(got, fmt.Sprint(key, id, name))
		case "empty":
			for range j.Array {
				t.Error("null has elements")
			}
		default:
			j.Skip()
		}
	}
	if err := j.Err(); err != nil {
		t.Fatal(err)
	}
	want := []string{"2texta", "2number1.50", "2yestrue", "nonetrue", "[x] 4", "[7]", "[2] 5", "ref8n", "short9"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestJSONRefusesManyKeysThatStandTwice(t *testing.T) {
	for _, n := range []int{1, 31, 32, 33, 500} {
		var text strings.Builder
		text.WriteString("{")
		for i := range n {
			fmt.Fprintf(&text, "\"k%d\": 1,\n", i)
		}
		fmt.Fprintf(&text, "\"k%d\": 1}", n/2)
		j := crm.NewJSON("x.json", strings.NewReader(text.String()))
		for range j.Object {
			j.Skip()
		}
		var e *crm.Error
		if err := j.Err(); !errors.As(err, &e) || !errors.Is(err, crm.ErrMalformed) || e.Line != n+1 {
			t.Errorf("%d keys: %v", n, err)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a": [1, {"id": "2"}], "b": null}`))
	f.Add([]byte("[{}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		j := crm.NewJSON("x.json", strings.NewReader(string(data)))
		for key := range j.Object {
			switch len(key) % 4 {
			case 0:
				j.Any()
			case 1:
				j.Ref()
			case 2:
				for range j.Array {
					j.IDs()
				}
			default:
				j.Skip()
			}
		}
		var e *crm.Error
		if err := j.Err(); err != nil && (!errors.As(err, &e) || e.Line < 1 || e.Line > 1+strings.Count(string(data), "\n")) {
			t.Fatal(err)
		}
	})
}
