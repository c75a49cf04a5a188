package authzgorm

import "context"

type pageState struct {
	read int
	last any
}
type pageStateKey struct{}

func stateOf(ctx context.Context) *pageState {
	s, _ := ctx.Value(pageStateKey{}).(*pageState)
	return s
}
