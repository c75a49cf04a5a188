// Package authzgrpc lets calls of gRPC methods through to their handlers only if the policy
// allows what the method needs. It is to gRPC what package authzhttp is to HTTP.
//
//	guard := authzgrpc.New(az, principal, authzgrpc.Methods{
//		"/grpc.health.v1.Health/Check": authzgrpc.Public(),
//		"/crm.v1.Customers/List":       authzgrpc.Require("read", "customer"),
//		"/crm.v1.Customers/Update": authzgrpc.Require("update", "customer",
//			authzgrpc.FromMessage(func(m *pb.UpdateRequest) string { return m.GetId() })),
//	})
//	server := grpc.NewServer(grpc.ChainUnaryInterceptor(guard.Unary), grpc.ChainStreamInterceptor(guard.Stream))
//
// Methods that are not declared are denied to everybody; [Guard.Undeclared] lists them. Handlers
// find the [authzhttp.Access] in their context.
//
// A stream is let through when the principal is known and what needs no message is allowed; then each
// message that arrives is asked about, by the policy of that moment, before the handler sees it. A
// handler that sends for long without receiving calls Access.Recheck.
//
// Refusals are status errors with a code of package authzhttp as their message: Unauthenticated,
// PermissionDenied (the same for a record that does not exist, one of another tenant and one that the
// caller may not touch), Unavailable or Internal.
package authzgrpc

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
)

// PrincipalFunc tells who makes a call, by the application's own authentication, such as the metadata in
// the context. Nobody is authzhttp.ErrUnauthenticated or the zero Principal; any other error is a failure of
// the server. It is called once for each call, from many goroutines.
type PrincipalFunc func(context.Context) (authz.Principal, error)

// Guard lets calls through to handlers, or refuses them.
type Guard struct {
	az        *authz.Authorizer
	principal PrincipalFunc
	methods   Methods
	refused   func(ctx context.Context, method string, p authzhttp.Problem)
}

// Option is an option of New: WithRefused.
type Option func(*Guard)

// WithRefused sets what is told of calls that are refused, for a log.
func WithRefused(told func(ctx context.Context, method string, p authzhttp.Problem)) Option {
	return func(g *Guard) { g.refused = told }
}

// New returns a Guard. It panics if the schema does not have an action that a method requires, or a target is nil.
func New(az *authz.Authorizer, principal PrincipalFunc, methods Methods, options ...Option) *Guard {
	g := &Guard{az: az, principal: principal, methods: methods, refused: func(context.Context, string, authzhttp.Problem) {}}
	for method, need := range methods {
		for _, q := range need.questions {
			if !q.ofType && q.target == nil {
				panic(fmt.Errorf("authzgrpc: method %s: a target of %s %s has no function and finds no record", method, q.action, q.typ))
			}
			authzhttp.New(az, nil).Protect(authzhttp.Require(q.action, q.typ)) // which checks
		}
	}
	for _, o := range options {
		o(g)
	}
	return g
}

// Unary is an interceptor for methods without streams.
func (g *Guard) Unary(ctx context.Context, message any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	need := g.methods[info.FullMethod]
	if need.public {
		return handler(ctx, message)
	}
	who, err := g.identify(ctx, &need)
	if err == nil {
		ctx, err = g.admit(ctx, who, &need, message)
	}
	if err != nil {
		return nil, g.refuse(ctx, info.FullMethod, err)
	}
	return handler(ctx, message)
}

// Stream is an interceptor for methods with streams.
func (g *Guard) Stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	need := g.methods[info.FullMethod]
	if need.public {
		return handler(server, stream)
	}
	ctx := stream.Context()
	who, err := g.identify(ctx, &need)
	if err == nil {
		ctx, err = g.admit(ctx, who, &need, nil)
	}
	if err != nil {
		return g.refuse(ctx, info.FullMethod, err)
	}
	s := &guarded{ServerStream: stream}
	s.ctx.Store(&ctx)
	if need.perMessage() {
		s.receive = func(message any) (context.Context, error) {
			ctx, err := g.admit(stream.Context(), who, &need, message)
			if err != nil {
				return ctx, g.refuse(ctx, info.FullMethod, err)
			}
			return ctx, nil
		}
	}
	return handler(server, s)
}

// guarded is a stream whose messages are asked about. As with others, one goroutine receives while
// another may send.
type guarded struct {
	grpc.ServerStream
	ctx     atomic.Pointer[context.Context]
	receive func(message any) (context.Context, error)
}

// Context is the context of the latest message that was let through.
func (s *guarded) Context() context.Context { return *s.ctx.Load() }

// RecvMsg receives a message if it is let through. One that is not is emptied.
func (s *guarded) RecvMsg(message any) error {
	if err := s.ServerStream.RecvMsg(message); err != nil || s.receive == nil {
		return err
	}
	ctx, err := s.receive(message)
	if err != nil {
		empty(message)
		return err
	}
	s.ctx.Store(&ctx)
	return nil
}

// empty empties a message, whatever codec has made it.
func empty(message any) {
	if m, ok := message.(proto.Message); ok {
		proto.Reset(m)
	} else if v := reflect.ValueOf(message); v.Kind() == reflect.Pointer && !v.IsNil() {
		v.Elem().SetZero()
	}
}

// identify asks the application who makes a call.
func (g *Guard) identify(ctx context.Context, need *Requirement) (p authz.Principal, err error) {
	if !need.declared {
		return p, authzhttp.ErrUndeclared
	}
	defer recovered(&err)
	p, err = g.principal(ctx)
	switch {
	case errors.Is(err, authzhttp.ErrUnauthenticated):
		return p, err
	case err != nil:
		return p, fmt.Errorf("%w: principal: %w", errServer, err)
	case p.Tenant == "" || p.User == "":
		return p, authzhttp.ErrUnauthenticated
	}
	return p, nil
}

// admit asks what a method requires of a message, or of none yet.
func (g *Guard) admit(ctx context.Context, who authz.Principal, need *Requirement, message any) (context.Context, error) {
	asks, err := need.asks(ctx, message)
	if err != nil {
		return ctx, err
	}
	a, err := authzhttp.NewAccess(ctx, g.az, who, asks...)
	if err != nil {
		return ctx, err
	}
	return authzhttp.NewContext(ctx, a), nil
}

var codeOf = map[string]codes.Code{
	authzhttp.CodeUnauthenticated: codes.Unauthenticated, authzhttp.CodeDenied: codes.PermissionDenied,
	authzhttp.CodeMalformed: codes.InvalidArgument, authzhttp.CodeUnavailable: codes.Unavailable,
}

// refuse is the status of a call that is not let through.
func (g *Guard) refuse(ctx context.Context, method string, err error) error {
	p := authzhttp.ProblemOf(err)
	if errors.Is(err, errServer) {
		p = authzhttp.NewProblem(authzhttp.CodeInternal, err)
	}
	g.refused(ctx, method, p)
	code, ok := codeOf[p.Code]
	if !ok {
		code = codes.Internal
	}
	return status.Error(code, p.Code)
}

// Undeclared lists the methods of a server that are not declared, so that nobody gets there. A test
// of the application wants it empty.
func (g *Guard) Undeclared(server *grpc.Server) (methods []string) {
	for service, info := range server.GetServiceInfo() {
		for _, m := range info.Methods {
			if name := "/" + service + "/" + m.Name; !g.methods[name].declared {
				methods = append(methods, name)
			}
		}
	}
	slices.Sort(methods)
	return methods
}

// recovered makes an error of a panic of the application's function.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("%w: %w: %v\n%s", errServer, authzhttp.ErrPanic, v, debug.Stack())
	}
}
