// Listens on $PORT until SIGTERM, then answers open requests and exits.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// service is the handler, and whether it accepts new requests.
type service struct {
	ready atomic.Bool
	mux   *http.ServeMux
}

func newService() *service {
	s := &service{mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /healthz", s.healthz)
	s.mux.HandleFunc("GET /hello/{name}", s.hello)
	s.ready.Store(true)
	return s
}

func (s *service) healthz(w http.ResponseWriter, _ *http.Request) {
	if s.ready.Load() {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	} else {
		answer(w, http.StatusServiceUnavailable, map[string]string{"status": "stopping"})
	}
}

func (s *service) hello(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]string{"message": "Hello, " + r.PathValue("name")})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		slog.Warn("the answer was not taken", "error", err)
	}
}

// run serves requests until the context is done.
func (s *service) run(ctx context.Context, address string) error {
	server := &http.Server{Addr: address, Handler: s.mux, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.ready.Store(false)
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
