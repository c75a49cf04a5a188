// Package crmtest has what the tests of the products' packages do alike.
package crmtest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/crmauthz/crmauthz/model/crm"
)

// Organisation is a pointer to a product's description.
type Organisation[O any] interface {
	*O
	YAML() ([]byte, error)
	Compile(tenant string) (*crm.Policy, error)
}

// Refused checks that there is no organisation, and an error that wraps want, is a *crm.Error, and says what it should.
func Refused[O any](t *testing.T, o *O, err, want error, says string) {
	t.Helper()
	var e *crm.Error
	if !errors.Is(err, want) || !errors.As(err, &e) || !strings.Contains(err.Error(), says) || o != nil {
		t.Errorf("%v, want %v with %q", err, want, says)
	}
}

// Descriptions are those of a product's scenarios, by their files.
func Descriptions(t testing.TB, product string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../../testdata/crm/" + product + "/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s struct{ Organisation yaml.Node }
		if err := yaml.Unmarshal(data, &s); err != nil {
			t.Fatal(err)
		}
		if all[file], err = yaml.Marshal(&s.Organisation); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// ReadAgain checks that the description that an organisation writes can be read, and compiles to the same.
func ReadAgain[O any, P Organisation[O]](t *testing.T, o P, parse func([]byte) (P, error)) (again P) {
	t.Helper()
	first, err := o.Compile("acme")
	if err != nil {
		t.Fatal(err)
	}
	written, err := o.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if again, err = parse(written); err != nil {
		t.Fatalf("%v\n%s", err, written)
	}
	second, err := again.Compile("acme")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, second); d != "" {
		t.Errorf("it compiles to something else the second time\n%s\n%s", d, written)
	}
	return again
}

// DescriptionsReadAgain checks that what is written of a product's scenarios is what was read.
func DescriptionsReadAgain[O any, P Organisation[O]](t *testing.T, product string, parse func([]byte) (P, error)) {
	for file, text := range Descriptions(t, product) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			o, err := parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(o, ReadAgain(t, o, parse)); d != "" {
				t.Errorf("-read +read again\n%s", d)
			}
		})
	}
}

// FuzzParse checks of any text, beginning with a product's scenarios, that it is refused with a
// *crm.Error, or can be written and read again, and compiles or is refused.
func FuzzParse[O any, P Organisation[O]](f *testing.F, product string, parse func([]byte) (P, error)) {
	for _, text := range Descriptions(f, product) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := parse(text)
		if err != nil {
			var e *crm.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if written, err := o.YAML(); err != nil {
			t.Fatal(err)
		} else if _, err := parse(written); err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		compiles(t, o)
	})
}

// FuzzCompile checks that an organisation of any text is refused or compiles, and does not panic.
func FuzzCompile[O any, P Organisation[O]](f *testing.F, parse func([]byte) (P, error)) {
	f.Fuzz(func(t *testing.T, text []byte) {
		if o, err := parse(text); err == nil {
			compiles(t, o)
		}
	})
}

// compiles checks that an organisation compiles or is refused.
func compiles[O any, P Organisation[O]](t *testing.T, o P) {
	t.Helper()
	if p, err := o.Compile("acme"); (p == nil) == (err == nil) {
		t.Fatal(p, err)
	}
}
