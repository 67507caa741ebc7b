package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// store keeps links.
type store interface {
	add(ctx context.Context, slug, target string) error
	visit(ctx context.Context, slug string) (string, error)
}

// service answers requests and counts them.
type service struct {
	store                      store
	address, key               string
	created, redirects, failed atomic.Int64
}

func newService(store store, address, key string) *service {
	return &service{store: store, address: address, key: key}
}

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("POST /links", s.create)
	mux.HandleFunc("GET /{slug}", s.redirect)
	return http.TimeoutHandler(mux, 10*time.Second, "the database does not answer\n")
}

func (s *service) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for name, count := range map[string]*atomic.Int64{
		"links_created_total": &s.created, "links_redirects_total": &s.redirects, "links_errors_total": &s.failed,
	} {
		fmt.Fprintf(w, "# TYPE %s counter\n%s %d\n", name, name, count.Load())
	}
}

// alphabet of slugs: letters and digits that are not mistaken for each other.
const alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

func newSlug() string {
	bytes := make([]byte, 10)
	rand.Read(bytes)
	for i, value := range bytes {
		bytes[i] = alphabet[int(value)%len(alphabet)]
	}
	return string(bytes)
}

func (s *service) create(w http.ResponseWriter, r *http.Request) {
	given := []byte(r.Header.Get("Authorization"))
	if subtle.ConstantTimeCompare(given, []byte("Bearer "+s.key)) != 1 {
		http.Error(w, "the key is wrong", http.StatusUnauthorized)
		return
	}
	var request struct{ URL string }
	body := http.MaxBytesReader(w, r.Body, 8<<10)
	if json.NewDecoder(body).Decode(&request) != nil || !isTarget(request.URL) {
		http.Error(w, `expected {"url": "https://…"} of at most 2000 bytes`, http.StatusBadRequest)
		return
	}
	slug := newSlug()
	if err := s.store.add(r.Context(), slug, request.URL); err != nil {
		s.unavailable(w, err)
		return
	}
	s.created.Add(1)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(map[string]string{"slug": slug, "url": s.address + "/" + slug})
}

func isTarget(text string) bool {
	target, err := url.Parse(text)
	return err == nil && len(text) <= 2000 && (target.Scheme == "http" || target.Scheme == "https") && target.Host != ""
}

func (s *service) redirect(w http.ResponseWriter, r *http.Request) {
	target, err := s.store.visit(r.Context(), r.PathValue("slug"))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		http.NotFound(w, r)
	case err != nil:
		s.unavailable(w, err)
	default:
		s.redirects.Add(1)
		http.Redirect(w, r, target, http.StatusFound)
	}
}

func (s *service) unavailable(w http.ResponseWriter, err error) {
	s.failed.Add(1)
	slog.Error("the database does not answer", "error", err)
	http.Error(w, "try again later", http.StatusServiceUnavailable)
}
