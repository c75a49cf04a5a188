package authzgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzgrpc"
	"github.com/crmauthz/crmauthz/authz/authzhttp"
	"github.com/crmauthz/crmauthz/model"
)

type message = wrapperspb.StringValue // the id of a customer

const service = "/crm.Customers/"

var byID = authzgrpc.FromMessage((*message).GetValue)

var methods = authzgrpc.Methods{
	service + "Health":  authzgrpc.Public(),
	service + "Me":      authzgrpc.Authenticated(),
	service + "List":    authzgrpc.Require("read", "customer"),
	service + "Update":  authzgrpc.Require("update", "customer", byID),
	service + "Merge":   authzgrpc.Require("update", "customer", byID, byID),
	service + "Follow":  authzgrpc.Require("read", "customer", byID),
	service + "Import":  authzgrpc.Require("update", "customer", byID),
	service + "Export":  authzgrpc.Require("read", "customer"),
	service + "Mistake": authzgrpc.Require("read", "customer", authzgrpc.FromMessage(func(int) string { return "42" })),
	service + "Panic":   authzgrpc.Require("read", "customer", authzgrpc.FromMessage(func(*message) string { panic("boom") })),
	service + "Create": authzgrpc.Require("update", "customer", authzgrpc.FromRecord(func(_ context.Context, m *message) (*authz.Record, error) {
		if m.GetValue() == "" {
			return nil, nil
		}
		return &authz.Record{Type: "customer", Owners: []string{m.GetValue()}}, nil
	})),
}

type customers map[string]*authz.Record

// Records implements authz.Resolver.
func (c customers) Records(_ context.Context, tenant string, refs []authz.Ref) ([]*authz.Record, error) {
	found := make([]*authz.Record, len(refs))
	for i, ref := range refs {
		found[i] = c[tenant+"/"+ref.ID]
	}
	return found, nil
}

func openPolicy(t *testing.T) *authz.Authorizer {
	t.Helper()
	schema, err := model.ParseSchema([]byte(`types: {customer: {actions: {read: read, update: write}}}`))
	if err != nil {
		t.Fatal(err)
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	az, err := authz.Open(t.Context(), schema, store, authz.WithResolver(customers{
		"acme/42": {Type: "customer", ID: "42", Owners: []string{"user:alice"}},
		"acme/43": {Type: "customer", ID: "43", Owners: []string{"user:bob"}},
		"beta/77": {Type: "customer", ID: "77", Owners: []string{"user:zoe"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = az.Close() })
	for _, policy := range []string{
		`acme: {members: [{who: [user:alice, user:bob], in: role:rep}], rules: [{who: role:rep, may: "*", on: customer}]}`,
		`beta: {members: [{who: user:zoe, in: role:rep}], rules: [{who: role:rep, may: "*", on: customer}]}`,
	} {
		facts, err := model.ParsePolicy([]byte(policy))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := az.Grant(t.Context(), authz.By("user:admin", "a test"), facts...); err != nil {
			t.Fatal(err)
		}
	}
	return az
}

// fromMetadata is an authentication for tests: "acme alice", or it falls over.
func fromMetadata(ctx context.Context) (authz.Principal, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	tenant, user, _ := strings.Cut(strings.Join(md.Get("test-user"), ","), " ")
	switch user {
	case "":
		return authz.Principal{}, nil
	case "nobody":
		return authz.Principal{Tenant: tenant, User: "user:alice"}, authzhttp.ErrUnauthenticated
	case "error":
		return authz.Principal{Tenant: tenant, User: "user:alice"}, errors.New("no session store")
	case "panic":
		panic("no session store")
	}
	return authz.Principal{Tenant: tenant, User: "user:" + user}, nil
}

// site is a server on this machine and what its handlers did.
type site struct {
	az     *authz.Authorizer
	guard  *authzgrpc.Guard
	server *grpc.Server
	client *grpc.ClientConn

	mu      sync.Mutex
	acted   []string
	refused []error
}

func (s *site) act(ctx context.Context, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := authzhttp.FromContext(ctx); ok && a.Record != nil {
		what += " of " + fmt.Sprint(a.Record.Owners)
	}
	s.acted = append(s.acted, what)
}

// done is what the handlers did, and why calls were refused, since it was asked last.
func (s *site) done() (acted []string, refused []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	acted, refused = s.acted, s.refused
	s.acted, s.refused = nil, nil
	return acted, refused
}

func start(t *testing.T) *site {
	t.Helper()
	s := &site{az: openPolicy(t)}
	s.guard = authzgrpc.New(s.az, fromMetadata, methods, authzgrpc.WithRefused(func(_ context.Context, _ string, p authzhttp.Problem) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refused = append(s.refused, p.Err)
	}))
	s.server = grpc.NewServer(grpc.ChainUnaryInterceptor(s.guard.Unary), grpc.ChainStreamInterceptor(s.guard.Stream),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error { s.act(stream.Context(), "unknown"); return nil }))
	s.server.RegisterService(s.description(), s)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.server.Serve(listener) }() // ends with Stop
	t.Cleanup(s.server.Stop)
	if s.client, err = grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.client.Close() })
	return s
}

// description is the service as protoc would write it down.
func (s *site) description() *grpc.ServiceDesc {
	d := &grpc.ServiceDesc{ServiceName: "crm.Customers", HandlerType: (*any)(nil)}
	for _, name := range []string{"Health", "Me", "List", "Update", "Merge", "Create", "Mistake", "Panic", "Secret"} {
		d.Methods = append(d.Methods, grpc.MethodDesc{MethodName: name, Handler: func(server any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			m := new(message)
			if err := decode(m); err != nil {
				return nil, err
			}
			return interceptor(ctx, m, &grpc.UnaryServerInfo{Server: server, FullMethod: service + name}, func(ctx context.Context, m any) (any, error) {
				s.act(ctx, name+" "+m.(*message).GetValue())
				return m, nil
			})
		}})
	}
	for _, name := range []string{"Follow", "Export", "SecretStream"} { // of one message
		d.Streams = append(d.Streams, grpc.StreamDesc{StreamName: name, ServerStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
			m := new(message)
			if err := stream.RecvMsg(m); err != nil {
				return err
			}
			s.act(stream.Context(), name+" "+m.GetValue())
			return stream.SendMsg(m)
		}})
	}
	d.Streams = append(d.Streams, grpc.StreamDesc{StreamName: "Import", ClientStreams: true, ServerStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
		for {
			m := new(message)
			if err := stream.RecvMsg(m); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				if m.GetValue() != "" {
					s.act(stream.Context(), "a refused message was seen: "+m.GetValue())
				}
				return err
			}
			s.act(stream.Context(), "Import "+m.GetValue())
			if err := stream.SendMsg(m); err != nil {
				return err
			}
		}
	}})
	return d
}

func (s *site) call(ctx context.Context, method, id string) error {
	if slices.Contains([]string{"Follow", "Export", "SecretStream"}, method) {
		stream, err := s.client.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, service+method)
		if err != nil {
			return err
		}
		if err := errors.Join(stream.SendMsg(wrapperspb.String(id)), stream.CloseSend()); err != nil {
			return err
		}
		return stream.RecvMsg(new(message))
	}
	if !strings.HasPrefix(method, "/") {
		method = service + method
	}
	return s.client.Invoke(ctx, method, wrapperspb.String(id), new(message))
}

func as(ctx context.Context, who string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "test-user", who)
}

func TestCallsAreLetThroughOrRefused(t *testing.T) {
	s := start(t)
	for _, test := range []struct {
		who, method, id string
		want            codes.Code
		did             string // by the handler, if it was reached
	}{
		{"", "Health", "", codes.OK, "Health "},
		{"acme alice", "Me", "", codes.OK, "Me "},
		{"acme alice", "List", "", codes.OK, "List "},
		{"acme alice", "Update", "42", codes.OK, "Update 42 of [user:alice]"},
		{"acme alice", "Merge", "42", codes.OK, "Merge 42 of [user:alice]"},
		{"acme alice", "Follow", "42", codes.OK, "Follow 42 of [user:alice]"},
		{"acme alice", "Export", "", codes.OK, "Export "},
		{"acme alice", "Create", "user:alice", codes.OK, "Create user:alice of [user:alice]"},
		{"beta zoe", "Update", "77", codes.OK, "Update 77 of [user:zoe]"},

		{"", "Me", "", codes.Unauthenticated, ""},
		{"", "List", "", codes.Unauthenticated, ""},
		{"", "Update", "42", codes.Unauthenticated, ""},
		{"", "Follow", "42", codes.Unauthenticated, ""},
		{"acme nobody", "Update", "42", codes.Unauthenticated, ""},
		{"acme error", "Update", "42", codes.Internal, ""},
		{"acme panic", "Update", "42", codes.Internal, ""},
		{"acme panic", "Follow", "42", codes.Internal, ""},
		{"acme stranger", "List", "", codes.PermissionDenied, ""},
		{"acme stranger", "Export", "", codes.PermissionDenied, ""},
		{"nowhere alice", "Me", "", codes.PermissionDenied, ""},
		{"* alice", "Me", "", codes.PermissionDenied, ""},
		{"beta alice", "Update", "42", codes.PermissionDenied, ""},
		{"acme alice", "Update", "43", codes.PermissionDenied, ""},
		{"acme alice", "Update", "77", codes.PermissionDenied, ""},
		{"acme alice", "Update", "99", codes.PermissionDenied, ""},
		{"acme alice", "Update", "", codes.PermissionDenied, ""},
		{"acme alice", "Update", "42/../43", codes.PermissionDenied, ""},
		{"acme alice", "Update", "*", codes.PermissionDenied, ""},
		{"acme alice", "Follow", "43", codes.PermissionDenied, ""},
		{"acme alice", "Follow", "", codes.PermissionDenied, ""},
		{"acme alice", "Create", "user:bob", codes.PermissionDenied, ""},
		{"acme alice", "Create", "", codes.PermissionDenied, ""},
		{"acme alice", "Mistake", "42", codes.Internal, ""},
		{"acme alice", "Panic", "42", codes.Internal, ""},
		{"acme alice", "Secret", "42", codes.PermissionDenied, ""},
		{"acme alice", "SecretStream", "42", codes.PermissionDenied, ""},
		{"", "Secret", "42", codes.PermissionDenied, ""},
		{"acme alice", "/crm.Unheard/Of", "42", codes.PermissionDenied, ""},
		{"acme alice", "/crm.Customers/update", "42", codes.PermissionDenied, ""},
		{"acme alice", "//crm.Customers/Update", "42", codes.PermissionDenied, ""},
		{"acme alice", "/crm.Customers/Health/../Update", "43", codes.PermissionDenied, ""},
	} {
		err := s.call(as(t.Context(), test.who), test.method, test.id)
		acted, refused := s.done()
		if status.Code(err) != test.want || strings.Join(acted, ", ") != test.did || (len(refused) == 1) != (test.want != codes.OK) {
			t.Errorf("%s %s %q: got %v, the handlers did %q, refused for %v; want %v and %q", test.who, test.method, test.id, err, acted, refused, test.want, test.did)
		}
	}
	a, b := s.call(as(t.Context(), "acme alice"), "Update", "43"), s.call(as(t.Context(), "acme alice"), "Update", "99")
	if a.Error() != b.Error() || status.Convert(a).Message() != "denied" {
		t.Errorf("a record of Bob's and none are told apart: %v, %v", a, b)
	}
}

// Each message of a stream is asked about, by the policy of its moment.
func TestMessagesOfAStream(t *testing.T) {
	s := start(t)
	open := func() grpc.ClientStream {
		stream, err := s.client.NewStream(as(t.Context(), "acme alice"), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, service+"Import")
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	send := func(stream grpc.ClientStream, id string) error {
		if err := stream.SendMsg(wrapperspb.String(id)); err != nil {
			return err
		}
		return stream.RecvMsg(new(message))
	}
	stream := open()
	for _, id := range []string{"42", "42"} {
		if err := send(stream, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := send(stream, "43"); status.Code(err) != codes.PermissionDenied {
		t.Errorf("Bob's: %v", err)
	}
	if acted, _ := s.done(); !slices.Equal(acted, []string{"Import 42 of [user:alice]", "Import 42 of [user:alice]"}) {
		t.Errorf("the handler did %q", acted)
	}
	stream = open()
	if err := send(stream, "42"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.az.Disable(t.Context(), authz.By("user:admin", "left"), "acme", "user:alice"); err != nil {
		t.Fatal(err)
	}
	if err := send(stream, "42"); status.Code(err) != codes.PermissionDenied {
		t.Errorf("after she was switched off: %v", err)
	}
	if acted, _ := s.done(); len(acted) != 1 {
		t.Errorf("the handler did %q", acted)
	}
}

func TestRecheckFetchesTheRecordOfAFunctionAnew(t *testing.T) {
	owner := "user:alice"
	target := authzgrpc.FromRecord(func(_ context.Context, m *message) (*authz.Record, error) {
		return &authz.Record{Type: "customer", ID: m.GetValue(), Owners: []string{owner}}, nil
	})
	guard := authzgrpc.New(openPolicy(t), fromMetadata, authzgrpc.Methods{"/x": authzgrpc.Require("read", "customer", target)})
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("test-user", "acme alice"))
	_, err := guard.Unary(ctx, wrapperspb.String("42"), &grpc.UnaryServerInfo{FullMethod: "/x"}, func(ctx context.Context, _ any) (any, error) {
		a, _ := authzhttp.FromContext(ctx)
		if err := a.Recheck(ctx); err != nil {
			t.Errorf("nothing changed: %v", err)
		}
		owner = "user:bob"
		if err := a.Recheck(ctx); !errors.Is(err, authz.ErrDenied) {
			t.Errorf("the customer is Bob's now: %v", err)
		}
		return nil, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// arriving is a stream on which the same message arrives all the time.
type arriving struct {
	grpc.ServerStream
	ctx  context.Context
	fill func(message any)
}

func (s *arriving) Context() context.Context { return s.ctx }

func (s *arriving) RecvMsg(message any) error {
	s.fill(message)
	return nil
}

// receive has a handler receive messages of a stream that requires to read them.
func receive(t *testing.T, target authzgrpc.Target, fill func(any), handler grpc.StreamHandler) error {
	t.Helper()
	guard := authzgrpc.New(openPolicy(t), fromMetadata, authzgrpc.Methods{"/x": authzgrpc.Require("read", "customer", target)})
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("test-user", "acme alice"))
	return guard.Stream(nil, &arriving{ctx: ctx, fill: fill}, &grpc.StreamServerInfo{FullMethod: "/x"}, handler)
}

// A handler that sends asks for the context while another goroutine receives.
func TestAStreamsContextMayBeAskedForWhileItReceives(t *testing.T) {
	hers := func(m any) { m.(*message).Value = "42" }
	err := receive(t, byID, hers, func(_ any, stream grpc.ServerStream) error {
		done := make(chan error)
		go func() {
			var err error
			for range 100 {
				err = errors.Join(err, stream.RecvMsg(new(message)))
			}
			done <- err
		}()
		for {
			select {
			case err := <-done:
				return err
			case <-stream.Context().Done():
				return stream.Context().Err()
			default:
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestARefusedMessageOfAnotherCodecIsEmptied(t *testing.T) {
	type plain struct{ ID string }
	his := func(m any) { m.(*plain).ID = "43" }
	target := authzgrpc.FromMessage(func(m *plain) string { return m.ID })
	err := receive(t, target, his, func(_ any, stream grpc.ServerStream) error {
		m := new(plain)
		err := stream.RecvMsg(m)
		if m.ID != "" {
			t.Errorf("the handler sees %+v", m)
		}
		return err
	})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
}

func TestUndeclared(t *testing.T) {
	s := start(t)
	if got := s.guard.Undeclared(s.server); !slices.Equal(got, []string{service + "Secret", service + "SecretStream"}) {
		t.Errorf("got %q", got)
	}
}

func TestUnknownActionsPanic(t *testing.T) {
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, model.ErrUnknownAction) {
			t.Errorf("got %v", err)
		}
	}()
	authzgrpc.New(openPolicy(t), fromMetadata, authzgrpc.Methods{"/x": authzgrpc.Require("fly", "customer")})
}

func TestTargetsThatFindNothingPanic(t *testing.T) {
	az := openPolicy(t)
	for name, target := range map[string]authzgrpc.Target{
		"no target": nil,
		"no id":     authzgrpc.FromMessage[*message](nil),
		"no record": authzgrpc.FromRecord[*message](nil),
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, "finds no record") {
					t.Errorf("%s: got %s", name, got)
				}
			}()
			authzgrpc.New(az, fromMetadata, authzgrpc.Methods{"/x": authzgrpc.Require("read", "customer", byID, target)})
		}()
	}
}

func TestClosedAuthorizerRefuses(t *testing.T) {
	s := start(t)
	_ = s.az.Close()
	if err := s.call(as(t.Context(), "acme alice"), "Update", "42"); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
}
