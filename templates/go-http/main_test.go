package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func ask(t *testing.T, s *service, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	s.mux.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder
}

func TestItIsHealthyUntilItStops(t *testing.T) {
	s := newService()
	if got := ask(t, s, "/healthz").Code; got != http.StatusOK {
		t.Fatalf("healthy: %d", got)
	}
	s.ready.Store(false)
	if got := ask(t, s, "/healthz").Code; got != http.StatusServiceUnavailable {
		t.Fatalf("stopping: %d", got)
	}
}

func TestItGreets(t *testing.T) {
	if got := ask(t, newService(), "/hello/Ada").Body.String(); got != "{\"message\":\"Hello, Ada\"}\n" {
		t.Fatal(got)
	}
}
