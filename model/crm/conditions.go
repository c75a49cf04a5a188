package crm

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Condition is one that a rule may name. The zero Condition always holds.
type Condition struct {
	Name string // a name of the schema, such as Name makes
	Expr string // in CEL
}

// Not is the condition that another is known not to hold.
func (x Condition) Not() Condition { return Condition{"not." + x.Name, "!(" + x.Expr + ")"} }

// MemberOf is the condition that the user is in a group.
func MemberOf(name, group string) Condition {
	return Condition{name, "member(" + Quote(group) + ")"}
}

// Conditions are those of a schema that is being made.
type Conditions map[string]string

const (
	// maxConditionName leaves room for a scope and an end in a rule's last column.
	maxConditionName = 60
	// MaxExpression is how many bytes an expression may have; authz reads no longer ones.
	MaxExpression = 4096
)

// When adds the condition that all of some conditions hold, and returns its name; none, if all
// are zero. A name that is too long, or that another expression has, gives way to a hash.
func (c Conditions) When(all ...Condition) string {
	var names, exprs []string
	for _, x := range all {
		if x != (Condition{}) && !slices.Contains(names, x.Name) {
			names, exprs = append(names, x.Name), append(exprs, x.Expr)
		}
	}
	if len(names) == 0 {
		return ""
	}
	name, expr := names[0], exprs[0]
	if len(names) > 1 {
		name, expr = strings.Join(names, ".and."), "("+strings.Join(exprs, ") && (")+")"
	}
	if other, ok := c[name]; ok && other != expr || len(name) > maxConditionName {
		hash := sha256.Sum256([]byte(name + "\x00" + expr))
		name = "c." + hex.EncodeToString(hash[:16])
	}
	c[name] = expr
	return name
}
