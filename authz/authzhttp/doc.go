// Package authzhttp lets HTTP requests through to the handlers of a server only if
// the policy allows what the route needs.
//
// Ten lines in a server that is there:
//
//	guard := authzhttp.New(az, func(r *http.Request) (authz.Principal, error) {
//		user, err := session(r) // your own authentication
//		return authz.Principal{Tenant: user.Company, User: "user:" + user.Login}, err
//	})
//	mux := guard.Mux(authzhttp.Routes{ // instead of http.NewServeMux()
//		"GET /login":          authzhttp.Public(),
//		"GET /customers":      authzhttp.Require("read", "customer"),
//		"PUT /customers/{id}": authzhttp.Require("update", "customer", authzhttp.FromPath("id")),
//	})
//	mux.HandleFunc("PUT /customers/{id}", updateCustomer) // and so on, as before
//
// # What it does
//
// A route that declares nothing is denied to everybody; [Mux.Undeclared] lists those. A route
// is declared in the table of a [Mux], or where it is registered, by [Guard.Protect], which is a
// middleware for routers of any make; then nothing is denied that is not wrapped.
//
// A request for a declared route gets to its handler if the principal is known and
// everything is allowed that the route requires. The record is fetched by the resolver of the
// Authorizer ([authz.WithResolver]) or by [FromRecord]. In its context the handler finds
// the principal ([authz.FromContext], which authzgorm asks) and an [Access]: the user looked up
// once for all questions of the page, at one revision; the record; and the reason.
//
// [Guard.Check] answers front ends what a user may do with many records at once.
//
// # What is refused
//
// An answer to a request that is let through to no handler is a problem of RFC 9457 with one of the
// codes of this package. It is the same for a record that does not exist, one of another tenant, and
// one that the user may not touch. See [WithRefusal] for pages and logs.
//
//   - 401: there is no principal.
//   - 403: the policy does not allow it, the route is not declared, or there is no such tenant, user or record.
//   - 400: the path is not the same to every reader (an encoded slash or dot, something encoded twice or for
//     nothing, an empty segment, a control character), or a header asks for another method than the request's.
//   - 500: the function that tells the principal or the record failed or panicked.
//   - 503: the policy or the record could not be fetched.
//
// # What it can not do
//
// It decides when the headers of a request are there. A handler that then waits for a slow
// body, or streams for an hour, calls [Access.Recheck] before it acts. A handler that takes the id of
// its record from another place than the route does (a form field instead of the path) goes around the
// decision: it should use the Record of its Access. What changes the method or path of a
// request belongs in front of the Mux, not behind it. Timeouts of slow headers are those of http.Server.
package authzhttp
