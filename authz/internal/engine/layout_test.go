package engine

import (
	"testing"
	"unsafe"
)

// What a decision reads one after the other is laid out by cache lines of 64 bytes.
func TestWhatADecisionReadsFillsCacheLines(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("addresses are not of 8 bytes")
	}
	var s Snapshot
	for name, size := range map[string]struct{ got, want uintptr }{
		"a branch":                     {unsafe.Sizeof(branch[subject]{}), 64},
		"a user in her table":          {unsafe.Sizeof(slot[subject]{}), 128},
		"several rules on one record":  {unsafe.Sizeof(manyRules{}), 64},
		"an action":                    {(unsafe.Sizeof(action{}) + 7) &^ 7, 56},
		"what leads to a user":         {unsafe.Offsetof(s.subjects) + unsafe.Offsetof(s.subjects.few), 64},
		"what leads to rules on types": {unsafe.Offsetof(s.customer) + unsafe.Offsetof(s.customer.rules), 240},
	} {
		if size.got != size.want {
			t.Errorf("%s: %d bytes, want %d", name, size.got, size.want)
		}
	}
}
