package plain_test

import (
	"fmt"

	"github.com/crmauthz/crmauthz/authz/internal/reference/plain"
)

const exampleModel = `
[request_definition]
r = sub, dom, obj, act

[policy_definition]
p = sub, dom, obj, act

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act
`

func ExampleOpen() {
	p, err := plain.Open(exampleModel, [][]string{
		{"p", "admin", "acme", "customer", "update"},
		{"g", "alice", "admin", "acme"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ok, err := p.Enforce("alice", "acme", "customer", "update")
	fmt.Println(ok, err)
	ok, err = p.Enforce("alice", "globex", "customer", "update")
	fmt.Println(ok, err)
	fmt.Println(p.Compiled())
	// Output:
	// true <nil>
	// false <nil>
	// true
}

func ExamplePolicy_Why() {
	const matcher = "\n[matchers]\nm = g(r.sub, p.sub, r.dom) && r.dom == p.dom && keyMatch(r.obj, p.obj) && r.act == p.act"
	p, err := plain.Open(exampleModel+matcher, [][]string{
		{"p", "alice", "acme", "customer/*", "update"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Compiled(), p.Why())
	fmt.Println(p.Enforce("alice", "acme", "customer/42", "update"))
	// Output:
	// false matcher: keyMatch is not compiled
	// true <nil>
}

func ExamplePolicy_Add() {
	p, err := plain.Open(exampleModel, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	rule := []string{"p", "bob", "acme", "customer", "read"}
	added, err := p.Add(rule, []string{"p", "bob", "acme", "customer", "update"})
	fmt.Println(added, err)
	fmt.Println(p.Enforce("bob", "acme", "customer", "read"))

	removed, err := p.Remove(rule)
	fmt.Println(removed, err)
	fmt.Println(p.Enforce("bob", "acme", "customer", "read"))
	// Output:
	// 2 <nil>
	// true <nil>
	// 1 <nil>
	// false <nil>
}
