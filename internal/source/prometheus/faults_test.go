// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/uptake-dev/uptake/internal/source"
)

// These are faults that a healthy Prometheus does not show.

const good = `{"status":"success","data":{"resultType":"scalar","result":[1767225600,"1"]}}`

func respond(status int, headers map[string]string, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func fake(t *testing.T, handler http.HandlerFunc) source.Connection {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return aClient(t, Config{URL: server.URL, Token: "hunter2"})
}

func TestAStatusSaysWhoseBusinessItIs(t *testing.T) {
	now := time.Now().UTC()
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		class   source.Class
		wait    time.Duration
	}{
		"401":                        {respond(401, nil, ""), source.Unauthorized, 0},
		"403":                        {respond(403, nil, ""), source.Unauthorized, 0},
		"404":                        {respond(404, nil, ""), source.BadAnswer, 0},
		"429":                        {respond(429, nil, ""), source.Throttled, 0},
		"429 with seconds":           {respond(429, map[string]string{"Retry-After": "120"}, ""), source.Throttled, 2 * time.Minute},
		"429 with days":              {respond(429, map[string]string{"Retry-After": "864000"}, ""), source.Throttled, time.Hour},
		"429 with nonsense":          {respond(429, map[string]string{"Retry-After": "-1e9"}, ""), source.Throttled, 0},
		"503 with seconds":           {respond(503, map[string]string{"Retry-After": "7"}, ""), source.Throttled, 7 * time.Second},
		"503":                        {respond(503, nil, "no healthy upstream"), source.Unavailable, 0},
		"503 with a page":            {respond(503, nil, "<html>maintenance"), source.Unavailable, 0},
		"503, the query timed out":   {respond(503, nil, `{"status":"error","errorType":"timeout","error":"hunter2"}`), source.Unavailable, 0},
		"500":                        {respond(500, nil, ""), source.Unavailable, 0},
		"502":                        {respond(502, nil, "<html>"), source.Unavailable, 0},
		"504":                        {respond(504, nil, ""), source.Unavailable, 0},
		"500, internal":              {respond(500, nil, `{"status":"error","errorType":"internal","error":"hunter2"}`), source.Unavailable, 0},
		"400 from something else":    {respond(400, nil, "hunter2"), source.Unavailable, 0},
		"200, and yet an error":      {respond(200, nil, `{"status":"error","errorType":"execution","error":"hunter2"}`), source.BadAnswer, 0},
		"400 that claims to be good": {respond(400, nil, good), source.Unavailable, 0},
		"204":                        {respond(204, nil, ""), source.Unavailable, 0},
		"418":                        {respond(418, nil, ""), source.Unavailable, 0},
		"429 with a date": {respond(429, map[string]string{
			"Date": now.Format(http.TimeFormat), "Retry-After": now.Add(90 * time.Second).Format(http.TimeFormat),
		}, ""), source.Throttled, 90 * time.Second},
		"429 with a date that has passed": {respond(429, map[string]string{
			"Date": now.Format(http.TimeFormat), "Retry-After": now.Add(-time.Minute).Format(http.TimeFormat),
		}, ""), source.Throttled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, failure := ask(t, fake(t, test.handler), "1", "")
			wantFailure(t, failure, test.class)
			if failure.RetryAfter != test.wait {
				t.Errorf("it waits %v, not %v", failure.RetryAfter, test.wait)
			}
			if strings.Contains(failure.Message, "hunter2") {
				t.Errorf("the body or the token is told: %s", failure.Message)
			}
		})
	}
}

func TestABodyThatIsNotAnAnswerIsNeverANumber(t *testing.T) {
	vector := func(result string) string {
		return `{"status":"success","data":{"resultType":"vector","result":` + result + `}}`
	}
	for name, test := range map[string]struct{ body, words string }{
		"a web page":               {"<!DOCTYPE html><html>hunter2", "web page"},
		"nothing":                  {"", "not the Prometheus API"},
		"other JSON":               {`{"hello":"hunter2"}`, "not the Prometheus API"},
		"a list":                   {`[1,2,3]`, "not the Prometheus API"},
		"JSON and more":            {good + "x", "not the Prometheus API"},
		"half of it":               {good[:40], "not the Prometheus API"},
		"no data":                  {`{"status":"success"}`, "without a result"},
		"null":                     {`{"status":"success","data":null}`, "without a result"},
		"an unknown status":        {`{"status":"fine","data":{"resultType":"scalar","result":[1,"1"]}}`, "without a result"},
		"an unknown type":          {`{"status":"success","data":{"resultType":"tensor","result":[]}}`, "neither"},
		"no type":                  {`{"status":"success","data":{}}`, "neither"},
		"an empty series":          {vector(`[{}]`), "promises"},
		"a series without value":   {vector(`[{"metric":{}}]`), "promises"},
		"a number as a number":     {vector(`[{"metric":{},"value":[1,2]}]`), "promises"},
		"a value that is no value": {vector(`[{"metric":{},"value":[1,"hunter2"]}]`), "promises"},
		"too many values":          {vector(`[{"metric":{},"value":[1,"2","3"]}]`), "promises"},
		"a histogram":              {vector(`[{"metric":{},"histogram":[1,{"count":"1"}]}]`), "promises"},
		"a vector of null":         {vector(`null`), "promises"},
		"an object for a vector":   {vector(`{}`), "promises"},
		"a broken scalar":          {`{"status":"success","data":{"resultType":"scalar","result":[]}}`, "promises"},
		"NaN":                      {vector(`[{"metric":{},"value":[1,"NaN"]}]`), "NaN"},
		"+Inf":                     {vector(`[{"metric":{},"value":[1,"+Inf"]}]`), "infinite"},
		"out of range":             {vector(`[{"metric":{},"value":[1,"1e999"]}]`), ""},
		"a part":                   {strings.Replace(good, `"data"`, `"isPartial":true,"data"`, 1), "a part only"},
		"a warning":                {strings.Replace(good, `"data"`, `"warnings":["hunter2"],"data"`, 1), "warning"},
	} {
		t.Run(name, func(t *testing.T) {
			_, failure := ask(t, fake(t, respond(200, nil, test.body)), "1", "")
			class := source.BadAnswer
			if test.words == "web page" || test.words == "not the Prometheus API" {
				class = source.Unavailable // somebody else answers
			}
			wantFailure(t, failure, class, test.words)
			if strings.Contains(failure.Message, "hunter2") {
				t.Errorf("the body is told: %s", failure.Message)
			}
		})
	}
}

func TestInfosAndUnknownFieldsAreFine(t *testing.T) {
	body := strings.Replace(good, `"data"`, `"infos":["PromQL info: metric might not be a counter"],"future":{},"data"`, 1)
	answer, failure := ask(t, fake(t, respond(200, nil, body)), "1", "")
	if failure != nil || answer.Rows[0].Value != 1 {
		t.Fatalf("%+v, %v", answer, failure)
	}
}

func TestAHugeBodyIsNotRead(t *testing.T) {
	huge := func(to io.Writer) {
		_, _ = io.WriteString(to, `{"status":"success","data":{"resultType":"vector","result":[`)
		for range 256 {
			if _, err := io.WriteString(to, strings.Repeat(" ", 1<<20)); err != nil {
				return
			}
		}
	}
	t.Run("plain", func(t *testing.T) {
		_, failure := ask(t, fake(t, func(w http.ResponseWriter, _ *http.Request) { huge(w) }), "1", "")
		wantFailure(t, failure, source.BadAnswer, "1Mi")
	})
	t.Run("compressed", func(t *testing.T) {
		_, failure := ask(t, fake(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			huge(packed)
			_ = packed.Close()
		}), "1", "")
		wantFailure(t, failure, source.BadAnswer, "1Mi")
	})
}

func TestAConnectionCutInTheMiddleIsUnavailable(t *testing.T) {
	client := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, good)
	})
	_, failure := ask(t, client, "1", "")
	wantFailure(t, failure, source.Unavailable, "connection closed")
}

func TestASlowBodyTimesOut(t *testing.T) {
	client := fake(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, good[:20])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, failure := askIn(ctx, t, client, "1", "")
	wantFailure(t, failure, source.Unavailable, "timed out")
}

func TestTheQueryAndTheTokenAreSentAsTheyShould(t *testing.T) {
	client := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/query" || r.PostFormValue("query") != `a{b="c&d"} + 1` ||
			r.Header.Get("Authorization") != "Bearer hunter2" || r.URL.RawQuery != "" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		_, _ = io.WriteString(w, good)
	})
	if _, failure := ask(t, client, `a{b="c&d"} + 1`, ""); failure != nil {
		t.Fatal(failure)
	}
}

func TestABasePathIsKept(t *testing.T) {
	server := httptest.NewServer(http.StripPrefix("/prometheus", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/query" {
			_, _ = io.WriteString(w, good)
		}
	})))
	defer server.Close()
	for _, suffix := range []string{"/prometheus", "/prometheus/"} {
		if _, failure := ask(t, aClient(t, Config{URL: server.URL + suffix}), "1", ""); failure != nil {
			t.Errorf("%s: %v", suffix, failure)
		}
	}
}

func TestARedirectOnTheSameHostIsFollowedWithTheQuery(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			client := fake(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/v1/query" {
					w.Header().Set("Location", "/moved")
					w.WriteHeader(status)
					return
				}
				if r.PostFormValue("query") != "1" || r.Header.Get("Authorization") != "Bearer hunter2" {
					w.WriteHeader(http.StatusTeapot)
					return
				}
				_, _ = io.WriteString(w, good)
			})
			if _, failure := ask(t, client, "1", ""); failure != nil {
				t.Fatal(failure)
			}
		})
	}
}

func TestARedirectToAnotherHostIsNotFollowedAndSeesNoCredentials(t *testing.T) {
	var seen atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	defer other.Close()
	for name, location := range map[string]string{
		"another port":   other.URL + "/api/v1/query",
		"another host":   strings.Replace(other.URL, "127.0.0.1", "localhost", 1),
		"another scheme": strings.Replace(other.URL, "http:", "https:", 1),
		"no address":     "",
	} {
		t.Run(name, func(t *testing.T) {
			_, failure := ask(t, fake(t, respond(307, map[string]string{"Location": location}, "")), "1", "")
			wantFailure(t, failure, source.Unavailable, "redirects to another host")
			if seen.Load() != 0 {
				t.Fatal("it is followed")
			}
		})
	}
}

func TestARedirectInCirclesEnds(t *testing.T) {
	var asked atomic.Int32
	client := fake(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
	})
	_, failure := ask(t, client, "1", "")
	wantFailure(t, failure, source.Unavailable, "in circles")
	if n := asked.Load(); n != 4 {
		t.Fatalf("asked %d times", n)
	}
}

func TestNoProxyOfTheEnvironmentSeesARequest(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	client := aClient(t, Config{URL: "http://prometheus.invalid"})
	_, failure := ask(t, client, "1", "")
	wantFailure(t, failure, source.Unavailable, "no such host")
}

func TestAConfigThatCannotWorkIsRefusedWithoutQuotingSecrets(t *testing.T) {
	for words, config := range map[string]Config{
		"address with a host":  {URL: "prometheus:9090"},
		"http or https":        {URL: "ftp://prometheus"},
		"such as":              {URL: "http://%zz"},
		"credentials":          {URL: "http://user:hunter2@prometheus"},
		"a query":              {URL: "http://prometheus?token=hunter2"},
		"two ways":             {URL: "http://prometheus", Token: "hunter2", Username: "u"},
		"the token has spaces": {URL: "http://prometheus", Token: "hunter2\nX: y"},
		"colon":                {URL: "http://prometheus", Username: "a:b", Password: "hunter2"},
		"certificate in PEM":   {URL: "https://prometheus", CA: []byte("hunter2")},
	} {
		_, err := connect(config)
		failure := source.AsError(err)
		wantFailure(t, failure, source.InvalidQuery, words)
		if strings.Contains(failure.Message, "hunter2") {
			t.Errorf("a secret is told: %s", failure.Message)
		}
	}
}

func TestACloseLeavesNoConnectionBehind(t *testing.T) {
	config := theConfig(t)
	others := goleak.IgnoreCurrent()
	client, err := connect(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, failure := ask(t, client, "1", ""); failure != nil {
		t.Fatal(failure)
	}
	client.Close()
	goleak.VerifyNone(t, others)
}
