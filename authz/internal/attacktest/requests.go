package attacktest

import (
	"fmt"
	"strings"
)

// Request is an HTTP request, written as it is.
type Request struct {
	User    string // of Acme, or "beta zoe"; none: nobody
	Method  string
	Target  string // as it stands in the request's first line
	Headers string // "Name: value", in lines
	Body    string
}

func (r Request) String() string {
	return strings.TrimSpace(fmt.Sprintf("%.200s (%s) %.200s", r.Method+" "+r.Target, r.User, strings.ReplaceAll(r.Headers, "\n", ", ")))
}

// Text is the request's bytes.
func (r Request) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.Method, r.Target)
	if !strings.Contains(r.Headers, "Host:") {
		b.WriteString("Host: crm.test\r\n")
	}
	switch {
	case strings.Contains(r.User, " "):
		fmt.Fprintf(&b, "Test-User: %s\r\n", r.User)
	case r.User != "":
		fmt.Fprintf(&b, "Test-User: acme %s\r\n", r.User)
	}
	for line := range strings.SplitSeq(r.Headers, "\n") {
		if line != "" {
			b.WriteString(line + "\r\n")
		}
	}
	b.WriteString("Connection: close\r\n\r\n" + r.Body)
	return b.String()
}

// Legitimate are requests that reach a handler: else a server that answers nobody would withstand all attacks.
var Legitimate = []Request{
	{"", "GET", "/health", "", ""},
	{"alice", "GET", "/customers", "", ""},
	{"alice", "GET", "/customers/42", "", ""},
	{"alice", "GET", "/customers/42?id=43&user=bob", "", ""},
	{"alice", "PUT", "/customers/42", "Content-Length: 2", "{}"},
	{"alice", "PUT", "/customers/42", "X-HTTP-Method-Override: PUT", ""},
	{"alice", "DELETE", "/customers/42", "", ""},
	{"bob", "GET", "/customers/43", "", ""},
	{"beta zoe", "GET", "/customers/77", "", ""},
	{"alice", "GET", "http://other.test/customers/42", "", ""},
}

// Attacks are requests that reach no handler.
var Attacks = []Request{
	// Nobody, and who is not what he says.
	{"", "GET", "/customers", "", ""},
	{"", "GET", "/customers/42", "", ""},
	{"", "PUT", "/customers/42", "", ""},
	{"", "GET", "/customers/42", "Authorization: Bearer alice\nX-Forwarded-User: alice\nX-Remote-User: acme alice", ""},
	{"panic", "GET", "/customers/42", "", ""},
	{"error", "GET", "/customers/42", "", ""},
	{"*", "GET", "/customers/42", "", ""},
	{"alice,user:bob", "GET", "/customers/43", "", ""},
	{"role:rep", "GET", "/customers", "", ""},
	{strings.Repeat("a", 5000), "GET", "/customers/42", "", ""},
	{"* alice", "GET", "/customers/42", "", ""},
	{"nowhere alice", "GET", "/customers/42", "", ""},
	{"beta alice", "GET", "/customers/42", "", ""},
	// Records of others, of other tenants, and none.
	{"alice", "GET", "/customers/43", "", ""},
	{"alice", "PUT", "/customers/43", "", ""},
	{"alice", "DELETE", "/customers/43", "", ""},
	{"alice", "HEAD", "/customers/43", "", ""},
	{"alice", "GET", "/customers/77", "", ""},
	{"alice", "GET", "/customers/99", "", ""},
	{"beta zoe", "GET", "/customers/42", "", ""},
	{"alice", "GET", "/customers/77?tenant=beta", "X-Tenant: beta", ""},
	{"stranger", "GET", "/customers", "", ""},
	// Routes that nobody declared.
	{"alice", "GET", "/customers/export", "", ""},
	{"alice", "HEAD", "/customers/export", "", ""},
	{"alice", "GET", "/admin/users", "", ""},
	{"", "GET", "/admin/users", "", ""},
	{"alice", "HEAD", "/admin/users", "", ""},
	{"alice", "GET", "/nowhere", "", ""},
	// Ids that are none, or more than one.
	{"alice", "GET", "/customers/*", "", ""},
	{"alice", "GET", "/customers/42,43", "", ""},
	{"alice", "GET", "/customers/43%2C42", "", ""},
	{"alice", "GET", "/customers/42%0A43", "", ""},
	{"alice", "GET", "/customers/43%00", "", ""},
	{"alice", "GET", "/customers/43%20", "", ""},
	{"alice", "GET", "/customers/43;id=42", "", ""},
	{"alice", "GET", "/customers/043", "", ""},
	{"alice", "GET", "/customers/%EF%BC%94%EF%BC%93", "", ""}, // 43 in wide digits
	{"alice", "GET", "/customers/" + strings.Repeat("4", 10_000), "", ""},
	{"alice", "GET", "/customers/{id}", "", ""},
	{"alice", "GET", "/customers/:id", "", ""},
	{"alice", "GET", "/customers/customer/43", "", ""},
	{"alice", "GET", "/CUSTOMERS/43", "", ""},
	// Encoded where there is no need, twice, or in part.
	{"alice", "GET", "/customers/%34%33", "", ""},
	{"alice", "GET", "/customers/%34%32", "", ""},
	{"alice", "GET", "/customers/4%33", "", ""},
	{"alice", "GET", "/customers/%2534%2533", "", ""},
	{"alice", "GET", "/customers/42%252f..%252f43", "", ""},
	{"alice", "GET", "/customers/%25252534", "", ""},
	{"alice", "GET", "/%63ustomers/43", "", ""},
	{"alice", "GET", "/%61dmin/users", "", ""},
	{"alice", "GET", "/admin%2fusers", "", ""},
	{"alice", "GET", "/customers%2f43", "", ""},
	{"alice", "GET", "/customers%2F42", "", ""},
	{"alice", "GET", "/customers/%zz", "", ""},
	{"alice", "GET", "/customers/%4", "", ""},
	{"alice", "GET", "/customers/%c0%ae%c0%ae/admin/users", "", ""},
	{"alice", "GET", "/customers/%ff", "", ""},
	{"alice", "GET", "/customers/%u0034%u0033", "", ""},
	// Ways up and aside.
	{"alice", "GET", "/customers/42/../43", "", ""},
	{"alice", "GET", "/customers/42/../../admin/users", "", ""},
	{"alice", "GET", "/customers/42%2f..%2f43", "", ""},
	{"alice", "GET", "/customers/42%2F%2E%2E%2F43", "", ""},
	{"alice", "GET", "/customers/%2e%2e/admin/users", "", ""},
	{"alice", "GET", "/customers/..%2fadmin%2fusers", "", ""},
	{"alice", "GET", "/health/../admin/users", "", ""},
	{"alice", "GET", "/health/%2e%2e/admin/users", "", ""},
	{"alice", "GET", "/health%2f..%2fadmin%2fusers", "", ""},
	{"", "GET", "/health/../customers/42", "", ""},
	{"", "GET", "/health;/../customers/42", "", ""},
	{"", "GET", "/health/..;/customers/42", "", ""},
	{"alice", "GET", "/customers/42/..;/43", "", ""},
	{"alice", "GET", "/./customers/43", "", ""},
	{"alice", "GET", "/customers/./43", "", ""},
	{"alice", "GET", "//customers/43", "", ""},
	{"alice", "GET", "//admin/users", "", ""},
	{"alice", "GET", "/customers//43", "", ""},
	{"alice", "GET", "/customers/43/", "", ""},
	{"alice", "GET", "/customers/43//", "", ""},
	{"alice", "GET", "/customers/43/.", "", ""},
	{"alice", "GET", `/customers/42\..\43`, "", ""},
	{"alice", "GET", "/customers/42%5c..%5c43", "", ""},
	{"alice", "GET", `\customers\43`, "", ""},
	{"alice", "GET", "customers/43", "", ""},
	{"alice", "GET", "/customers/43#/customers/42", "", ""},
	{"alice", "GET", "/customers/43?/customers/42", "", ""},
	{"alice", "GET", "http://crm.test/customers/43", "", ""},
	{"alice", "GET", "http://crm.test//admin/users", "", ""},
	{"alice", "GET", "*", "", ""},
	{"alice", "GET", "/customers/42 /customers/43", "", ""},
	// Methods.
	{"alice", "get", "/customers/43", "", ""},
	{"alice", "get", "/customers/42", "", ""},
	{"alice", "POST", "/customers/42", "", ""},
	{"alice", "POST", "/customers/42", "X-HTTP-Method-Override: PUT", ""},
	{"alice", "POST", "/customers/43", "X-HTTP-Method-Override: PUT", ""},
	{"alice", "GET", "/customers/42", "X-HTTP-Method-Override: DELETE", ""},
	{"alice", "PUT", "/customers/42", "X-Http-Method: DELETE", ""},
	{"alice", "PUT", "/customers/42", "x-method-override: DELETE", ""},
	{"alice", "PUT", "/customers/42", "X-HTTP-Method-Override: PUT\nX-HTTP-Method-Override: DELETE", ""},
	{"alice", "OPTIONS", "/customers/43", "Origin: https://evil.test\nAccess-Control-Request-Method: DELETE", ""},
	{"alice", "OPTIONS", "*", "", ""},
	{"alice", "TRACE", "/customers/43", "", ""},
	{"alice", "PROPFIND", "/customers/43", "", ""},
	{"alice", "CONNECT", "/customers/43", "", ""},
	{"alice", "CONNECT", "crm.test:443", "", ""},
	{"alice", "PATCH", "/customers/42", "", ""},
	// Headers that mean another request to others.
	{"alice", "GET", "/customers/43", "X-Original-URL: /customers/42\nX-Rewrite-URL: /customers/42", ""},
	{"alice", "GET", "/customers/43", "Host: 42", ""},
	{"alice", "GET", "/customers/43", "Transfer-Encoding: chunked\nContent-Length: 5", "0\r\n\r\nGET /customers/42 HTTP/1.1\r\n\r\n"},
}

// Bodies are attacks with bodies that never end, or are never there. Each is answered before it is.
var Bodies = []Request{
	{"alice", "PUT", "/customers/43", "Content-Length: 1099511627776", "{"},
	{"alice", "PUT", "/customers/43", "Transfer-Encoding: chunked", "1\r\n{"},
	{"alice", "PUT", "/customers/43", "Content-Length: 10\nExpect: 100-continue", ""},
	{"alice", "PUT", "/customers/43", "Content-Length: 1048576", strings.Repeat(" ", 1<<20)},
	{"", "DELETE", "/customers/42", "Content-Length: 1099511627776", ""},
}
