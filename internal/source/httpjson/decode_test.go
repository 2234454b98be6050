// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

func TestABodyThatIsNotJSONIsNeverANumber(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	const ndjson = v1alpha1.HTTPFormatNDJSON
	for name, test := range map[string]struct {
		body   string
		format v1alpha1.HTTPFormat
		words  string
	}{
		"nothing":                    {"", "", "nothing"},
		"a word":                     {"hunter2", "", "not JSON"},
		"half of it":                 {`{"n":1,"hunter2":`, "", "not JSON"},
		"two values":                 {`{"n":1}{"n":2}`, "", "not JSON"},
		"a value and a word":         {`[1] hunter2`, "", "not JSON"},
		"a comma too many":           {`[1,]`, "", "not JSON"},
		"a comment":                  {`[1] // hunter2`, "", "not JSON"},
		"NaN":                        {`[NaN]`, "", "not JSON"},
		"the same key twice":         {`{"hunter2":1,"hunter2":2}`, "", "same key twice"},
		"the same key, escaped":      {`{"a":1,"\u0061":2}`, "", "same key twice"},
		"no UTF-8":                   {"[\"\xff\"]", "", "UTF-8"},
		"too deep":                   {nested(101), "", "100 deep"},
		"far too deep":               {nested(100_000), "", ""},
		"a number out of range":      {`[1e999]`, "", "too large"},
		"a long string":              {`["` + strings.Repeat("a", longestText+1) + `"]`, "", "256 KiB"},
		"a long key":                 {`{"` + strings.Repeat("a", longestText+1) + `":1}`, "", "256 KiB"},
		"lines that are not NDJSON":  {"{\"n\":1}\nhunter2\n", ndjson, "lines"},
		"a last line that is cut":    {"{\"n\":1}\n{\"n\":", ndjson, "cut off"},
		"JSON over several lines":    {"{\n\"n\":1}", ndjson, "format"},
		"two values on a line":       {"{\"n\":1} {\"n\":2}", ndjson, "lines"},
		"lines with a key twice":     {"{\"n\":1}\n{\"n\":1,\"n\":2}", ndjson, "same key twice"},
		"NDJSON that is called JSON": {"{\"n\":1}\n{\"n\":2}", "", "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			_, failure := ask(t, answering(t, test.body), asked{format: test.format})
			wantFailure(t, failure, source.BadAnswer, test.words)
		})
	}
	answer, failure := ask(t, answering(t, nested(100)), asked{})
	wantRows(t, answer, failure, "=1")
}

// A body of some kilobytes once became gigabytes: packed, and then decoded.
func TestAnAnswerIsRefusedByWhatItWouldTakeDecoded(t *testing.T) {
	for name, body := range map[string]string{
		"objects": "[" + strings.Repeat(`{"a":0},`, 200_000) + `{"a":0}]`,
		"numbers": "[" + strings.Repeat("0,", 1_000_000) + "0]",
		"lists":   "[" + strings.Repeat("[],", 600_000) + "0]",
	} {
		c := connect(t, v1alpha1.HTTPSource{MaxResponseSize: "16Mi", URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			_, _ = io.WriteString(packed, body)
			_ = packed.Close()
		})})
		before := heap()
		_, failure := ask(t, c, asked{})
		wantFailure(t, failure, source.BadAnswer, "more than 64 MiB")
		if grew := heap() - before; grew > 32<<20 {
			t.Errorf("%s: the heap grew by %d MiB", name, grew>>20)
		}
	}
}

func heap() int64 {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return int64(now.HeapAlloc) //nolint:gosec // a heap is smaller
}

func TestTheContentTypeMattersOnlyForPages(t *testing.T) {
	typed := func(kind, body string) source.Connection {
		return connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, body)
		})})
	}
	for _, kind := range []string{"text/plain", "application/octet-stream", "application/vnd.github+json", "nonsense"} {
		answer, failure := ask(t, typed(kind, "[1]"), asked{})
		wantRows(t, answer, failure, "=1")
	}
	_, failure := ask(t, typed("text/html; charset=utf-8", "Log in, hunter2"), asked{})
	wantFailure(t, failure, source.Unavailable, "a web page", "log-in page")
	_, failure = ask(t, typed("application/json", "\n<!DOCTYPE html><html>hunter2"), asked{})
	wantFailure(t, failure, source.Unavailable, "a web page")
	_, failure = ask(t, typed("text/plain", "hunter2"), asked{})
	wantFailure(t, failure, source.BadAnswer, "not JSON")
}

func TestAStatusSaysWhoseBusinessItIs(t *testing.T) {
	for status, class := range map[int]source.Class{
		204: source.Unavailable, 302: source.Unavailable, 400: source.BadAnswer, 401: source.Unauthorized, 403: source.Unauthorized,
		404: source.BadAnswer, 422: source.BadAnswer, 429: source.Throttled, 500: source.Unavailable, 503: source.Unavailable,
	} {
		c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://elsewhere.example.com/hunter2")
			w.WriteHeader(status)
			if status >= 400 {
				_, _ = io.WriteString(w, `["hunter2"]`)
			}
		})})
		_, failure := ask(t, c, asked{})
		wantFailure(t, failure, class)
	}
}

func TestAHugeBodyIsNotRead(t *testing.T) {
	c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			if _, err := io.WriteString(w, strings.Repeat(" ", 1<<20)); err != nil {
				return
			}
		}
	})})
	_, failure := ask(t, c, asked{})
	wantFailure(t, failure, source.BadAnswer, "1Mi", "maxResponseSize")
}
