package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type memory struct {
	links map[string]string
	err   error
}

func (m memory) add(_ context.Context, slug, target string) error {
	m.links[slug] = target
	return m.err
}

func (m memory) visit(_ context.Context, slug string) (string, error) {
	if m.err != nil {
		return "", m.err
	}
	if target, ok := m.links[slug]; ok {
		return target, nil
	}
	return "", sql.ErrNoRows
}

func ask(s *service, method, path, body, key string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+key)
	answer := httptest.NewRecorder()
	s.handler().ServeHTTP(answer, request)
	return answer
}

func TestALinkIsCreatedAndFollowed(t *testing.T) {
	store := memory{links: map[string]string{}}
	s := newService(store, "https://go.example.com", "secret")
	if answer := ask(s, "POST", "/links", `{"url": "https://example.com/a"}`, "secret"); answer.Code != http.StatusCreated {
		t.Fatal(answer.Code, answer.Body)
	}
	for slug := range store.links {
		answer := ask(s, "GET", "/"+slug, "", "")
		if answer.Code != http.StatusFound || answer.Header().Get("Location") != "https://example.com/a" {
			t.Fatal(answer.Code, answer.Header())
		}
	}
	if answer := ask(s, "GET", "/metrics", "", ""); !strings.Contains(answer.Body.String(), "links_redirects_total 1\n") {
		t.Fatal(answer.Body)
	}
}

func TestOthersAreRefused(t *testing.T) {
	s := newService(memory{links: map[string]string{}}, "", "secret")
	for _, c := range []struct {
		method, path, body, key string
		status                  int
	}{
		{"POST", "/links", `{"url": "https://example.com"}`, "guess", http.StatusUnauthorized},
		{"POST", "/links", `{"url": "javascript:alert(1)"}`, "secret", http.StatusBadRequest},
		{"POST", "/links", "no json", "secret", http.StatusBadRequest},
		{"GET", "/unknown", "", "", http.StatusNotFound},
	} {
		if answer := ask(s, c.method, c.path, c.body, c.key); answer.Code != c.status {
			t.Error(c, answer.Code, answer.Body)
		}
	}
}

func TestABrokenDatabaseIsNotAnAnswer(t *testing.T) {
	s := newService(memory{links: map[string]string{}, err: errors.New("down")}, "", "secret")
	if answer := ask(s, "GET", "/abcdef", "", ""); answer.Code != http.StatusServiceUnavailable || s.failed.Load() != 1 {
		t.Fatal(answer.Code, answer.Body)
	}
}
