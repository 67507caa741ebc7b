package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type client = connect.Client[wrapperspb.StringValue, wrapperspb.StringValue]

// clients returns clients for all three protocols, connected to a test server.
func clients(t *testing.T, s *service) map[string]*client {
	t.Helper()
	server := httptest.NewUnstartedServer(s.mux)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	make := func(options ...connect.ClientOption) *client {
		return connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](server.Client(), server.URL+greetPath, options...)
	}
	return map[string]*client{"connect": make(), "grpc": make(connect.WithGRPC()), "grpc-web": make(connect.WithGRPCWeb())}
}

func TestItGreets(t *testing.T) {
	for name, client := range clients(t, newService()) {
		answer, err := client.CallUnary(context.Background(), connect.NewRequest(wrapperspb.String("Ada")))
		if err != nil || answer.Msg.GetValue() != "Hello, Ada" {
			t.Fatalf("%s: %v %v", name, answer, err)
		}
		_, err = client.CallUnary(context.Background(), connect.NewRequest(wrapperspb.String("")))
		if connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func TestItIsHealthyUntilItStops(t *testing.T) {
	s := newService()
	for status, code := range map[grpchealth.Status]int{
		grpchealth.StatusServing:    http.StatusOK,
		grpchealth.StatusNotServing: http.StatusServiceUnavailable,
	} {
		s.health.SetStatus(serviceName, status)
		recorder := httptest.NewRecorder()
		s.mux.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/healthz", nil))
		if recorder.Code != code {
			t.Fatalf("%v: %d", status, recorder.Code)
		}
	}
}
