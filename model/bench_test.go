package model_test

import (
	"testing"

	"github.com/crmauthz/crmauthz/model"
)

var benchLines = []struct {
	name string
	line model.Line
}{
	{"customer-rule", line("p", "role:rep", "t0", "account", "read", "allow", "all")},
	{"customer-rule-no-terms", line("p", "role:rep", "t0", "customer", "read", "allow", "-")},
	{"customer-rule-terms", line("p", "role:rep", "t0", "customer", "read", "allow", "own if:eu until:2027-01-01T00:00:00Z")},
	{"on-record", line("p", "user:u1", "t0", "customer/c42", "read", "allow", "-")},
	{"membership", line("g", "user:u1", "role:rep", "t0", "-")},
	{"org-edge", line("g2", "user:u1", "user:u2", "t0")},
	{"cjk", line("g", "user:王小明", "role:rep", "t0", "-")},
}

func line(section string, values ...string) model.Line {
	l := model.Line{Section: model.Section(section)}
	copy(l.Values[:], values)
	return l
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range benchLines {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := model.Decode(c.line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The lines that a load reads a million times, without the box of the interface.
func BenchmarkCheckLine(b *testing.B) {
	for _, c := range benchLines {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.line.Check(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range benchLines {
		f, err := model.Decode(c.line)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := model.Encode(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
