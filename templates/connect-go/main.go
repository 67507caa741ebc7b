// Listens on $PORT until SIGTERM, then answers open requests and exits. It serves Connect, gRPC and gRPC-Web without TLS,
// which the edge terminates.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	serviceName = "service.v1.GreetService"
	greetPath   = "/" + serviceName + "/Greet"
)

// service is the handler and its health status.
type service struct {
	health *grpchealth.StaticChecker
	mux    *http.ServeMux
}

func newService() *service {
	s := &service{health: grpchealth.NewStaticChecker(serviceName), mux: http.NewServeMux()}
	s.mux.Handle(grpchealth.NewHandler(s.health))
	s.mux.Handle(greetPath, connect.NewUnaryHandler(greetPath, s.greet))
	s.mux.HandleFunc("GET /healthz", s.healthz)
	return s
}

func (s *service) greet(
	_ context.Context, request *connect.Request[wrapperspb.StringValue],
) (*connect.Response[wrapperspb.StringValue], error) {
	if request.Msg.GetValue() == "" {
		return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("a name is needed"))
	}
	return connect.NewResponse(wrapperspb.String("Hello, " + request.Msg.GetValue())), nil
}

func (s *service) healthz(w http.ResponseWriter, r *http.Request) {
	state, err := s.health.Check(r.Context(), &grpchealth.CheckRequest{Service: serviceName})
	w.Header().Set("Content-Type", "application/json")
	if err == nil && state.Status == grpchealth.StatusServing {
		_, _ = w.Write([]byte("{\"status\":\"ok\"}\n"))
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte("{\"status\":\"stopping\"}\n"))
}

// run serves requests until the context is done.
func (s *service) run(ctx context.Context, address string) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: address, Handler: s.mux, ReadHeaderTimeout: 10 * time.Second, Protocols: protocols}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.health.SetStatus(serviceName, grpchealth.StatusNotServing)
	patience, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return server.Shutdown(patience)
}

func main() {
	// The health check of containers without a shell: `/app/service healthz`.
	port := os.Getenv("PORT")
	if port == "" {
		port = "8001"
	}
	if len(os.Args) == 2 && os.Args[1] == "healthz" {
		response, err := http.Get("http://127.0.0.1:" + port + "/healthz")
		if err != nil || response.StatusCode != http.StatusOK {
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	slog.Info("listening", "port", port)
	if err := newService().run(ctx, ":"+port); err != nil && !errors.Is(err, http.ErrServerClosed) {
		slog.Error("it ended", "error", err)
		os.Exit(1)
	}
}
