// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// tokensWithoutEnd issues tokens without expires_in, and counts them.
func tokensWithoutEnd(t *testing.T) (url string, issued *atomic.Int32) {
	t.Helper()
	issued = &atomic.Int32{}
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		issued.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"abc","token_type":"bearer"}`))
	})
	return server.URL, issued
}

func TestATokenThatMayHaveExpiredIsReplacedOnceAMinute(t *testing.T) {
	for name, test := range map[string]struct {
		header string
		want   int32
	}{
		"a 403":                       {"", 2},
		"a 403 for too many requests": {"60", 1},
	} {
		t.Run(name, func(t *testing.T) {
			url, issued := tokensWithoutEnd(t)
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.header != "" {
					w.Header().Set("Retry-After", test.header)
				}
				w.WriteHeader(http.StatusForbidden)
			})
			client := aClient(t, server.URL, "", source.Credentials{OAuth2: &source.OAuth2{TokenURL: url, ClientID: "c", ClientSecret: secret}})
			for range 20 {
				if _, failure := client.get(t.Context(), "/x"); failure == nil {
					t.Fatal("it is answered")
				}
			}
			if got := issued.Load(); got != test.want {
				t.Errorf("%d tokens for 20 requests, want %d", got, test.want)
			}
			doubts := client.authorize.(*grant)
			doubts.doubted = doubts.doubted.Add(-doubtGap)
			for range 2 {
				_, _ = client.get(t.Context(), "/x")
			}
			if got := issued.Load(); test.want == 2 && got != 3 {
				t.Errorf("a minute later there are %d tokens, not 3", got)
			}
		})
	}
}

func TestATokenThatDoesNotSayWhenItEndsIsKeptForAnHour(t *testing.T) {
	url, issued := tokensWithoutEnd(t)
	server := serve(t, func(http.ResponseWriter, *http.Request) {})
	client := aClient(t, server.URL, "", source.Credentials{OAuth2: &source.OAuth2{TokenURL: url, ClientID: "c", ClientSecret: secret}})
	for range 3 {
		if _, failure := client.get(t.Context(), "/"); failure != nil {
			t.Fatal(failure)
		}
	}
	kept := client.authorize.(*grant)
	if left := time.Until(kept.token.Expiry); issued.Load() != 1 || left > longestLife || left < longestLife-time.Minute {
		t.Fatalf("%d tokens, of which the last ends in %v", issued.Load(), left)
	}
	kept.token.Expiry = time.Now()
	if _, failure := client.get(t.Context(), "/"); failure != nil || issued.Load() != 2 {
		t.Errorf("after an hour: %v, %d tokens", failure, issued.Load())
	}
}
