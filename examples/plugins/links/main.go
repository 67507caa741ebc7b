// A link shortener. It listens on $PORT until SIGTERM, then answers open requests and exits.
package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	_ "github.com/lib/pq"
)

func main() {
	port := os.Getenv("PORT")
	// The health check of a container without a shell: `/app/service healthz`.
	if len(os.Args) == 2 && os.Args[1] == "healthz" {
		response, err := http.Get("http://127.0.0.1:" + port + "/healthz")
		if err != nil || response.StatusCode != http.StatusOK {
			os.Exit(1)
		}
		return
	}
	if err := run(":" + port); err != nil && !errors.Is(err, http.ErrServerClosed) {
		slog.Error("the service ended", "error", err)
		os.Exit(1)
	}
}

func run(address string) error {
	key, err := os.ReadFile(os.Getenv("API_KEY_FILE"))
	if err != nil {
		return err
	}
	// The connection is opened by the first query, so the service starts while the database does not answer.
	database, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	database.SetMaxOpenConns(5)
	links := newService(table{database}, os.Getenv("PUBLIC_URL"), strings.TrimSpace(string(key)))
	server := &http.Server{Addr: address, Handler: links.handler(), ReadHeaderTimeout: 10 * time.Second}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	slog.Info("listening", "address", address)
	select {
	case err := <-failed:
		return err
	case <-stop.Done():
	}
	patience, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return server.Shutdown(patience)
}
