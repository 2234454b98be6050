// SPDX-License-Identifier: Apache-2.0

package web

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/internal/source"
)

func TestAStatusIsToldWithWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		status  int
		headers map[string]string
		token   string
		class   source.Class
		words   []string
	}{
		"a secondary limit without a word": {403, map[string]string{"X-RateLimit-Remaining": "4312"}, secret, source.Unauthorized, []string{"credentials", "fewer requests"}},
		"a limit by GitLab's header":       {403, map[string]string{"RateLimit-Remaining": "0"}, secret, source.Throttled, []string{"fewer requests"}},
		"a limit with a wait":              {403, map[string]string{"Retry-After": "60"}, secret, source.Throttled, nil},
		"nobody is known":                  {403, nil, "", source.Unauthorized, []string{"spec.auth of the source"}},
		"a sign-in page":                   {203, nil, secret, source.Unauthorized, []string{"sign-in page", "auth"}},
		"not ready":                        {202, nil, secret, source.BadAnswer, []string{"not ready yet", "asked for again"}},
		"a method":                         {405, nil, secret, source.BadAnswer, []string{"does not allow GET"}},
		"a request":                        {422, nil, secret, source.BadAnswer, []string{"check path"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range test.headers {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
			})
			_, failure := aClient(t, server.URL, "", source.Credentials{Token: test.token}).get(t.Context(), "/")
			if failure == nil || failure.Class != test.class {
				t.Fatalf("%+v", failure)
			}
			for _, word := range test.words {
				if !strings.Contains(failure.Message, word) {
					t.Errorf("%q does not say %q", failure.Message, word)
				}
			}
			if _, said, _ := strings.Cut(failure.Message, " "); strings.Contains(said, "422") { // behind the host
				t.Errorf("422 tells nobody anything: %s", failure.Message)
			}
		})
	}
}

func TestAnAnswerIsJudgedByItsBeginningAndNotByItsLabel(t *testing.T) {
	for body, isPage := range map[string]bool{
		`{"adopted": 12}`: false, "\n [1]": false, "41": false, "\ufeff{}": false, `{"cut": `: false,
		"": true, "<html>": true, " <!DOCTYPE html>": true, "Log in": true, "not a page": true,
	} {
		response := &Response{Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: []byte(body)}
		if response.IsPage() != isPage {
			t.Errorf("%q is a page: %v", body, !isPage)
		}
	}
}

func TestAServerThatWantsTLSIsToldAsSuch(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(server.Close)
	_, failure := aClient(t, strings.Replace(server.URL, "https", "http", 1), "", source.Credentials{}).get(t.Context(), "/")
	if failure == nil || failure.Class != source.Unavailable || !strings.Contains(failure.Message, "use https") {
		t.Errorf("http to a TLS port: %+v", failure)
	}
	_, failure = aClient(t, server.URL, "", source.Credentials{}).get(t.Context(), "/")
	if failure == nil || !strings.Contains(failure.Message, "spec.tls.ca.secretKeyRef") {
		t.Errorf("a certificate of its own: %+v", failure)
	}
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	_, failure = aClient(t, strings.Replace(plain.URL, "http", "https", 1), "", source.Credentials{}).get(t.Context(), "/")
	if failure == nil || !strings.Contains(failure.Message, "begin the address with http://") {
		t.Errorf("https to a plain port: %+v", failure)
	}
}
