package plain

import (
	"fmt"
	"maps"
	"slices"

	casbinmodel "github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
)

// Read returns all lines of a policy that an adapter keeps, as Open takes them.
// An adapter that panics over a line gives ErrLine.
func Read(modelText string, a persist.Adapter) (lines [][]string, err error) {
	if len(modelText) > MaxModel {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrModel, MaxModel)
	}
	defer func() {
		if r := recover(); r != nil {
			lines, err = nil, fmt.Errorf("%w: %v", ErrLine, r)
		}
	}()
	m, err := casbinmodel.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	if err := a.LoadPolicy(m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLine, err)
	}
	for _, section := range []string{"p", "g"} {
		for _, ptype := range slices.Sorted(maps.Keys(m[section])) {
			for _, values := range m[section][ptype].Policy {
				lines = append(lines, append([]string{ptype}, values...))
			}
		}
	}
	return lines, nil
}
