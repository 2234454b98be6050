// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// A parameter with a semicolon was left out on the second page, and with it the filter.
func TestTheFilterIsThereOnEveryPage(t *testing.T) {
	for _, filter := range []string{"$filter=state%20eq%20'active;used'", "$filter=100%", "$filter=a+b;c", "$filter=state eq 'active'"} {
		encoded := strings.ReplaceAll(filter, " ", "%20")
		c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.RequestURI, encoded) {
				t.Errorf("it asks %s", r.RequestURI)
			}
			_, _ = fmt.Fprintf(w, "[%q]", r.URL.RawQuery)
		})})
		answer, failure := ask(t, c, asked{path: "/odata/Devices?" + filter, next: `page < 3 ? "?$skip=" + string(page) : ""`})
		wantRows(t, answer, failure, "=3")
	}
}

func TestALinkToAnotherServerIsTheAnswersTrouble(t *testing.T) {
	for name, test := range map[string]struct {
		link  func(host string) string
		words string
	}{
		"another scheme": {func(host string) string { return "https://" + host + "/?page=2" }, "begins with https:// where the source's url has http://"},
		"another port":   {func(string) string { return "http://127.0.0.1/?page=2" }, "port 80 where"},
		"another name":   {func(string) string { return "http://evil.example.com/?page=2" }, "it names another host than 127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = fmt.Fprintf(w, `{"next":%q,"items":[1]}`, test.link(r.Host))
			})})
			_, failure := ask(t, c, asked{rows: "body.items", next: "body.next"})
			wantFailure(t, failure, source.BadAnswer, "another host", test.words)
		})
	}
}

// counting is a pacer that only counts, and gives no time from a request on.
type counting struct{ begun, ended, timeFor int }

func (c *counting) Begin(ctx context.Context) (context.Context, func(), *source.Error) {
	c.begun++
	end := func() { c.ended++ }
	if c.begun <= c.timeFor {
		return ctx, end, nil
	}
	late, cancel := context.WithTimeout(ctx, 0)
	return late, func() { cancel(); end() }, nil
}

func TestEveryPageAndFileWaitsItsTurnAndRunningOutOfTimeSaysWhere(t *testing.T) {
	c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			_, _ = io.WriteString(w, "1\n")
			return
		}
		_, _ = fmt.Fprintf(w, `["http://%s/file%s"]`, r.Host, r.URL.Query().Get("page"))
	})})
	query := asked{path: "/", links: "body", next: `page < 3 ? "?page=" + string(page + 1) : ""`}
	pacer := &counting{timeFor: 100}
	answer, failure := askIn(source.WithPacer(t.Context(), pacer), t, c, query)
	wantRows(t, answer, failure, "=3")
	if pacer.begun != 6 || pacer.ended != 6 {
		t.Errorf("of 3 pages and 3 files %d begin and %d end", pacer.begun, pacer.ended)
	}
	_, failure = askIn(source.WithPacer(t.Context(), &counting{timeFor: 4}), t, c, query)
	wantFailure(t, failure, source.Unavailable, "timed out on page 3")
	_, failure = askIn(source.WithPacer(t.Context(), &counting{timeFor: 3}), t, c, query)
	wantFailure(t, failure, source.Unavailable, "timed out on file 2 on page 2")
	if !failure.TimedOut {
		t.Error("the scheduler does not see that it was time")
	}
}

// What a query says by itself is its mistake; what an answer says is the answer's; where
// a server sends on is the server's.
func TestWhoseTroubleAWayOutOfTheSourceIs(t *testing.T) {
	c := connect(t, v1alpha1.HTTPSource{AllowedPathPrefix: "/in", URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/in/away" {
			http.Redirect(w, r, "/log-in", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, `{"next":"/out","links":["http://files.example.com/a"],"items":[1]}`)
	})})
	for name, test := range map[string]struct {
		asked
		class source.Class
	}{
		"a next page of the query":  {asked{path: "/in/x", rows: "body.items", next: "'/out'"}, source.NotAllowed},
		"a next page of the answer": {asked{path: "/in/x", rows: "body.items", next: "body.next"}, source.BadAnswer},
		"a file of the query":       {asked{path: "/in/x", links: "['http://files.example.com/b']"}, source.NotAllowed},
		"a file of the answer":      {asked{path: "/in/x", links: "body.links"}, source.BadAnswer},
		"a redirect":                {asked{path: "/in/away"}, source.Unavailable},
		"a path":                    {asked{path: "/out"}, source.NotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			_, failure := ask(t, c, test.asked)
			wantFailure(t, failure, test.class)
		})
	}
}
