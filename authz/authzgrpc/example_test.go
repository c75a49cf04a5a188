package authzgrpc_test

import (
	"context"
	"fmt"
	"log"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/crmauthz/crmauthz/adapter"
	"github.com/crmauthz/crmauthz/authz"
	"github.com/crmauthz/crmauthz/authz/authzgrpc"
	"github.com/crmauthz/crmauthz/model"
)

// openExample opens a policy by which everyone may update her own customers: 42 is Alice's.
func openExample(ctx context.Context) *authz.Authorizer {
	schema, err := model.ParseSchema([]byte(`types: {customer: {actions: {read: read, update: write}}}`))
	if err != nil {
		log.Fatal(err)
	}
	facts, err := model.ParsePolicy([]byte(`acme: {rules: [{who: "*", may: update, on: customer}]}`))
	if err != nil {
		log.Fatal(err)
	}
	store, err := adapter.NewMemory(nil)
	if err != nil {
		log.Fatal(err)
	}
	az, err := authz.Open(ctx, schema, store, authz.WithResolver(customers{"acme/42": {Type: "customer", ID: "42", Owners: []string{"user:alice"}}}))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := az.Grant(ctx, authz.By("user:admin", "the first policy"), facts...); err != nil {
		log.Fatal(err)
	}
	return az
}

type loginKey struct{}

func Example() {
	ctx := context.Background()
	az := openExample(ctx)
	defer az.Close()

	principal := func(ctx context.Context) (authz.Principal, error) { // your own authentication
		return authz.Principal{Tenant: "acme", User: "user:" + ctx.Value(loginKey{}).(string)}, nil
	}
	guard := authzgrpc.New(az, principal, authzgrpc.Methods{
		"/crm.v1.Customers/Update": authzgrpc.Require("update", "customer", authzgrpc.FromMessage((*wrapperspb.StringValue).GetValue)),
	})
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(guard.Unary), grpc.ChainStreamInterceptor(guard.Stream))
	defer server.Stop()

	// What the server does with a call:
	update := func(context.Context, any) (any, error) { return "updated", nil }
	for _, login := range []string{"alice", "bob"} {
		ctx := context.WithValue(ctx, loginKey{}, login)
		fmt.Println(guard.Unary(ctx, wrapperspb.String("42"), &grpc.UnaryServerInfo{FullMethod: "/crm.v1.Customers/Update"}, update))
	}
	_, err := guard.Unary(context.WithValue(ctx, loginKey{}, "alice"), nil, &grpc.UnaryServerInfo{FullMethod: "/crm.v1.Customers/Delete"}, update)
	fmt.Println(err) // not declared
	fmt.Println(guard.Undeclared(server))
	// Output:
	// updated <nil>
	// <nil> rpc error: code = PermissionDenied desc = denied
	// rpc error: code = PermissionDenied desc = denied
	// []
}
