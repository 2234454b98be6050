// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

const secret = "hunter2"

func settings(credentials source.Credentials) source.Settings {
	return source.Settings{
		Name: "UsageSource/test/api", Credentials: credentials, AllowPlaintext: true, Now: time.Now,
		Guard: source.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
	}
}

func aClient(t *testing.T, base, prefix string, credentials source.Credentials, hosts ...string) *Client {
	t.Helper()
	client, failure := New(settings(credentials), base, prefix, []v1alpha1.Header{{Name: "X-Version", Value: "7"}}, hosts)
	if failure != nil {
		t.Fatal(failure)
	}
	t.Cleanup(client.Close)
	return client
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func (c *Client) get(ctx context.Context, path string) (*Response, *source.Error) {
	target, failure := c.Resolve(path)
	if failure != nil {
		return nil, failure
	}
	return c.Do(ctx, Request{Method: http.MethodGet, URL: target, Accept: "application/json"})
}

func TestAPathStaysWithinWhatTheSourceAllows(t *testing.T) {
	client := aClient(t, "https://api.example.com/v1", "/orgs/acme", source.Credentials{})
	for _, path := range []string{
		"", "/", "/orgs", "/orgs/acm", "/orgs/acmexyz", "/orgs/acme.evil", "/admin", "orgs/acme",
		"/orgs/acme/../other", "/orgs/acme/..", "/orgs/acme/./x", "/orgs/acme/%2e%2e/other", "/orgs/acme/%2E%2e/other",
		"/orgs/acme/.%2e/other", "/orgs/acme/%252e%252e/other", "/orgs/acme/%25252e%25252e%25252f", "/orgs/acme/..%2fother",
		"/orgs/acme/%2e%2e%2fother", `/orgs/acme/..\other`, "/orgs/acme/..%5cother", "/orgs/acme/..;/other", "/orgs/acme/..;a=b/other",
		"/orgs/acme/%00", "/orgs/acme/x%0d%0aHost:%20evil", "/orgs//acme/x", "/orgs/acme//x", "//evil.example.com/orgs/acme",
		"/%6frgs/acme/x", "/ORGS/acme/x", "https://evil.example.com/orgs/acme", "http:/orgs/acme", "/orgs/acme#fragment",
		"@evil.example.com/orgs/acme", "/orgs/acme/%", "/orgs%2facme/x", `\\evil\orgs`, "javascript:alert(1)", "?x=1",
	} {
		if target, failure := client.Resolve(path); failure == nil || failure.Class != source.NotAllowed {
			t.Errorf("%q leads to %v (%v)", path, target, failure)
		}
	}
	for path, want := range map[string]string{
		"/orgs/acme":                       "https://api.example.com/v1/orgs/acme",
		"/orgs/acme/":                      "https://api.example.com/v1/orgs/acme/",
		"/orgs/acme/seats?per_page=100":    "https://api.example.com/v1/orgs/acme/seats?per_page=100",
		"/orgs/acme/group%2Fproject":       "https://api.example.com/v1/orgs/acme/group%2Fproject",
		"/orgs/acme/a%20b?x=../../y":       "https://api.example.com/v1/orgs/acme/a%20b?x=../../y",
		"/orgs/acme/...?q=https://x.test/": "https://api.example.com/v1/orgs/acme/...?q=https://x.test/",
	} {
		if target, failure := client.Resolve(path); failure != nil || target.String() != want {
			t.Errorf("%q leads to %v (%v)", path, target, failure)
		}
	}
}

func FuzzAPathNeverLeavesItsPrefix(f *testing.F) {
	for _, seed := range []string{"/orgs/acme/%2e%2e", "/orgs/acme/..;/x", "//x", "/orgs/acme/%25252e", "?a=b"} {
		f.Add(seed)
	}
	client, failure := New(settings(source.Credentials{}), "https://api.example.com/v1", "/orgs/acme", nil, nil)
	if failure != nil {
		f.Fatal(failure)
	}
	f.Fuzz(func(t *testing.T, path string) {
		target, failure := client.Resolve(path)
		if failure != nil {
			return
		}
		reparsed, err := url.Parse(target.String())
		if err != nil || reparsed.Host != "api.example.com" || reparsed.Scheme != "https" || reparsed.User != nil {
			t.Fatalf("%q leads to %s", path, target)
		}
		decoded := reparsed.EscapedPath()
		for range 6 {
			clean := (&url.URL{Path: decoded}).JoinPath().Path // resolves dots
			if clean != "/v1/orgs/acme" && !strings.HasPrefix(clean, "/v1/orgs/acme/") {
				t.Fatalf("%q is %q to a server that decodes and tidies", path, clean)
			}
			again, err := url.PathUnescape(decoded)
			if err != nil || again == decoded {
				break
			}
			decoded = again
		}
	})
}

func TestTheNextPageStaysOnTheServerAndInThePath(t *testing.T) {
	client := aClient(t, "https://api.example.com", "/orgs", source.Credentials{})
	present, failure := client.Resolve("/orgs/acme?page=1&size=10")
	if failure != nil {
		t.Fatal(failure)
	}
	for reference, want := range map[string]string{
		"?page=2":           "https://api.example.com/orgs/acme?page=2&size=10",
		"/orgs/acme?page=2": "https://api.example.com/orgs/acme?page=2",
		"https://api.example.com/orgs/b?cursor=x":  "https://api.example.com/orgs/b?cursor=x",
		"https://u:p@api.example.com/orgs/b#x":     "https://api.example.com/orgs/b",
		"https://api.example.com:443/orgs/b":       "https://api.example.com/orgs/b",
		"HTTPS://API.Example.Com./orgs/b":          "https://api.example.com/orgs/b",
		"//api.example.com:443/orgs/b":             "https://api.example.com/orgs/b",
		"https://evil.example.com/orgs/acme":       "",
		"http://api.example.com/orgs/acme":         "",
		"https://api.example.com:8443/orgs/acme":   "",
		"//evil.example.com/orgs":                  "",
		"/admin":                                   "",
		"../admin":                                 "",
		"https://api.example.com/orgs/%2e%2e/keys": "",
		"%zz": "",
	} {
		next, failure := client.Next(present, reference)
		switch {
		case want == "" && failure == nil:
			t.Errorf("%q leads to %s", reference, next)
		case want != "" && (failure != nil || next.String() != want):
			t.Errorf("%q leads to %v (%v)", reference, next, failure)
		}
	}
}

func TestARedirectOutOfThePathIsNotFollowed(t *testing.T) {
	var asked atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/in/x" {
			asked.Add(1)
		}
		http.Redirect(w, r, "/admin", http.StatusFound)
	})
	_, failure := aClient(t, server.URL, "/in", source.Credentials{Token: secret}).get(t.Context(), "/in/x")
	if failure == nil || failure.Class != source.NotAllowed || asked.Load() != 0 {
		t.Errorf("%v, %d requests", failure, asked.Load())
	}
}

func said() bool { return true }

func TestALinkToAnotherHostIsFollowedOnlyIfTheAnswerHasIt(t *testing.T) {
	asked := false
	files := serve(t, func(http.ResponseWriter, *http.Request) { asked = true })
	client := aClient(t, "https://api.example.com", "", source.Credentials{}, strings.TrimPrefix(files.URL, "http://"))
	client.scope.base.Scheme = "http"
	_, failure := client.Download(t.Context(), files.URL, func() bool { return false })
	if failure == nil || failure.Class != source.NotAllowed || asked {
		t.Errorf("%v, asked: %v", failure, asked)
	}
}

func TestAFileOnAnotherHostIsGotWithoutCredentialsAndOnlyWhereListed(t *testing.T) {
	var seen http.Header
	files := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		_, _ = w.Write([]byte("{}"))
	})
	host := strings.TrimPrefix(files.URL, "http://")
	server := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, credentials := range []source.Credentials{
		{Token: secret}, {Username: "u", Password: secret}, {HeaderName: "X-Key", HeaderValue: secret},
	} {
		client := aClient(t, server.URL, "", credentials, host)
		if _, failure := client.Download(t.Context(), files.URL+"/report?sig=abc", said); failure != nil {
			t.Fatal(failure)
		}
		for name, values := range seen {
			if strings.Contains(strings.Join(values, " "), secret) || name == "X-Version" || name == "Authorization" {
				t.Errorf("the other host is sent %s", name)
			}
		}
	}
	seen = nil
	for _, hosts := range [][]string{nil, {"other.example.com"}, {"*.0.0.1"}, {"127.0.0.1"}} {
		_, failure := aClient(t, server.URL, "", source.Credentials{Token: secret}, hosts...).Download(t.Context(), files.URL, said)
		if failure == nil || failure.Class != source.NotAllowed || seen != nil {
			t.Errorf("with %v listed: %v, asked: %v", hosts, failure, seen != nil)
		}
	}
	for _, link := range []string{"", "x", "/x", "ftp://" + host, "file:///etc/passwd", "gopher://" + host, "http://169.254.169.254/latest"} {
		if _, failure := aClient(t, server.URL, "", source.Credentials{}, host, "169.254.169.254").Download(t.Context(), link, said); failure == nil {
			t.Errorf("%q is followed", link)
		}
	}
	secure, failure := New(settings(source.Credentials{}), "https://api.example.com", "", nil, []string{host})
	if failure != nil {
		t.Fatal(failure)
	}
	if _, failure := secure.Download(t.Context(), files.URL, said); failure == nil || failure.Class != source.NotAllowed {
		t.Errorf("from https it goes to http: %v", failure)
	}
}

func TestEveryWayToAuthenticateIsSentAndSharesNoHeaders(t *testing.T) {
	var mu sync.Mutex
	headers := map[string]int{}
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		headers[r.Header.Get("Authorization")+"|"+strings.Join(r.Header["X-Api-Key"], ",")+"|"+strings.Join(r.Header["X-Version"], ",")]++
	})
	for want, credentials := range map[string]source.Credentials{
		"||7":                    {},
		"Bearer hunter2||7":      {Token: secret + "\n"},
		"Basic dTpodW50ZXIy||7":  {Username: "u\n", Password: secret + "\r\n"},
		"|hunter2|7":             {HeaderName: "X-API-Key", HeaderValue: secret},
		"Token token=hunter2||7": {HeaderName: "Authorization", HeaderValue: "Token token=" + secret},
	} {
		client := aClient(t, server.URL, "", credentials)
		headers = map[string]int{}
		var asks sync.WaitGroup
		for range 20 {
			asks.Go(func() {
				if _, failure := client.get(t.Context(), "/"); failure != nil {
					t.Error(failure)
				}
			})
		}
		asks.Wait()
		if len(headers) != 1 || headers[want] != 20 {
			t.Errorf("want %q each time, got %v", want, headers)
		}
	}
}

func TestClientCredentialsGetATokenAndANewOneWhenItIsRejected(t *testing.T) {
	var issued atomic.Int32
	var valid atomic.Value
	tokens := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "client" || password != secret || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "read" || r.FormValue("audience") != "api" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"invalid_client","error_description":"` + secret + `"}`))
			return
		}
		token := "token" + string(rune('0'+issued.Add(1)))
		valid.Store(token)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"` + token + `","token_type":"bearer","expires_in":3600}`))
	})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if token, _ := valid.Load().(string); token == "" || r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	grant := &source.OAuth2{TokenURL: tokens.URL, ClientID: "client", ClientSecret: secret, Scopes: []string{"read"}, Audience: "api"}
	client := aClient(t, server.URL, "", source.Credentials{OAuth2: grant})
	var asks sync.WaitGroup
	for range 10 {
		asks.Go(func() {
			if _, failure := client.get(t.Context(), "/"); failure != nil {
				t.Error(failure)
			}
		})
	}
	asks.Wait()
	if issued.Load() != 1 {
		t.Errorf("%d tokens are issued for ten requests", issued.Load())
	}
	valid.Store("revoked")
	if _, failure := client.get(t.Context(), "/"); failure == nil || failure.Class != source.Unauthorized {
		t.Errorf("a token that was revoked: %v", failure)
	}
	if _, failure := client.get(t.Context(), "/"); failure != nil || issued.Load() != 2 {
		t.Errorf("no new token is got: %v", failure)
	}
	wrong := *grant
	wrong.ClientSecret = "wrong"
	_, failure := aClient(t, server.URL, "", source.Credentials{OAuth2: &wrong}).get(t.Context(), "/")
	if failure == nil || failure.Class != source.Unauthorized || strings.Contains(failure.Message, secret) {
		t.Errorf("a wrong secret: %v", failure)
	}
}

func TestATokenServerThatFailsIsToldApart(t *testing.T) {
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		class   source.Class
	}{
		"down": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, source.Unavailable},
		"busy": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "60"); w.WriteHeader(429) }, source.Throttled},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, source.Unavailable},
		"a page":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>" + secret)) }, source.BadAnswer},
		"no token": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"x":"` + secret + `"}`)) }, source.BadAnswer},
		"hangs":    {func(_ http.ResponseWriter, r *http.Request) { _ = r.ParseForm(); <-r.Context().Done() }, source.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			tokens, server := serve(t, test.handler), serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the source is asked without a token") })
			client := aClient(t, server.URL, "", source.Credentials{OAuth2: &source.OAuth2{TokenURL: tokens.URL, ClientID: "c", ClientSecret: secret}})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, failure := client.get(ctx, "/")
			if failure == nil || failure.Class != test.class || strings.Contains(failure.Message, secret) {
				t.Errorf("%+v", failure)
			}
		})
	}
}

func TestALimitThatGitHubTellsIn403IsHonoured(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", "99999999999")
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusForbidden)
	})
	_, failure := aClient(t, server.URL, "", source.Credentials{Token: secret}).get(t.Context(), "/")
	if failure == nil || failure.Class != source.Throttled || failure.RetryAfter != time.Hour {
		t.Errorf("%+v", failure)
	}
}
