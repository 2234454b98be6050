// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// pager serves pages 1 to last: [page, page], with the next page in the header
// Link and in a cursor that has characters with a meaning in addresses.
func pager(last int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page := 1
		if cursor := r.URL.Query().Get("cursor"); cursor != "" {
			page, _ = strconv.Atoi(strings.TrimSuffix(cursor, "+/=#"))
		} else if asked := r.URL.Query().Get("page"); asked != "" {
			page, _ = strconv.Atoi(asked)
		}
		if r.URL.Path != "/list" || r.URL.Query().Get("size") != "2" || r.Header.Get("Authorization") != "Bearer "+secret || page == 0 {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		cursor := "null"
		if page < last {
			cursor = fmt.Sprintf(`"%d+/=#"`, page+1)
			w.Header().Add("Link", `</list?size=2>; rel="first"`)
			w.Header().Add("Link", fmt.Sprintf(`<http://%s/list?size=2&page=%d>; title="a, b; c"; rel="next prefetch"`, r.Host, page+1))
		}
		_, _ = fmt.Fprintf(w, `{"items":[%d,%d],"cursor":%s}`, page, page, cursor)
	}
}

func TestPagesAreFollowedToTheLast(t *testing.T) {
	for name, next := range map[string]expr{
		"a cursor":                  `body.cursor == null ? "" : "?cursor=" + body.cursor`,
		"a cursor or null":          `body.cursor == null ? dyn(null) : dyn("?cursor=" + body.cursor)`,
		"a link":                    `link.next`,
		"a link that may be absent": `link.?next`,
		"a link if there is one":    `has(link.next) ? link.next : ""`,
		"an absent relation":        `link.?prefetch`,
		"the number of the page":    `body.cursor == null ? "" : "?page=" + string(page + 1)`,
		"a path":                    `body.cursor == null ? "" : "/list?size=2&page=" + string(page + 1)`,
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, v1alpha1.HTTPSource{URL: serve(t, pager(3))})
			answer, failure := ask(t, c, asked{path: "/list?size=2", rows: "body.items", value: "row", next: next})
			wantRows(t, answer, failure, "=12")
		})
	}
	c := connect(t, v1alpha1.HTTPSource{URL: serve(t, pager(20))})
	answer, failure := ask(t, c, asked{path: "/list?size=2", rows: "body.items", next: "link.next"})
	wantRows(t, answer, failure, "=40")
}

func TestEachPageIsAskedWithTheSameBody(t *testing.T) {
	c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || string(body) != `{"a":1}` {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = fmt.Fprintf(w, "[%q]", r.URL.RawQuery)
	})})
	answer, failure := ask(t, c, asked{method: "POST", body: "{'a': 1}", next: `page < 3 ? "?page=" + string(page + 1) : ""`})
	wantRows(t, answer, failure, "=3")
}

func TestAPartIsNeverTakenForTheWhole(t *testing.T) {
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("another host is asked") })
	for name, test := range map[string]struct {
		next     expr
		maxPages int32
		class    source.Class
		words    string
	}{
		"too many pages":              {`"?page=" + string(page + 1)`, 0, source.BadAnswer, "more than 20 pages"},
		"too many for the query":      {`"?page=" + string(page + 1)`, 3, source.BadAnswer, "more than 3 pages"},
		"the same page":               {`"?page=1"`, 0, source.BadAnswer, "circles"},
		"a circle":                    {`"?page=" + string(page % 3)`, 0, source.BadAnswer, "circles"},
		"another host":                {expr(strconv.Quote(other + "/?page=2")), 0, source.NotAllowed, "another host"},
		"outside of the prefix":       {`"/else?page=2"`, 0, source.NotAllowed, "outside"},
		"a query that cannot be read": {`"?page=%zz"`, 0, source.BadAnswer, "cannot be read"},
		"a number":                    {`body[0]`, 0, source.BadAnswer, "http.pagination.next gives a number, not a string"},
		"an error":                    {`body.next`, 0, source.BadAnswer, "http.pagination.next"},
		"a page that is missing":      {`"?page=404"`, 0, source.BadAnswer, "404"},
		"a page that is not JSON":     {`"?page=half"`, 0, source.BadAnswer, "not JSON"},
		"a header that is cut off":    {`link.next`, 0, source.BadAnswer, "Link"},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, v1alpha1.HTTPSource{AllowedPathPrefix: "/list", URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Link", `</list?page=2>; rel="next`)
				switch r.URL.Query().Get("page") {
				case "404":
					w.WriteHeader(http.StatusNotFound)
				case "half":
					_, _ = io.WriteString(w, `["hunter2",`)
				}
				_, _ = fmt.Fprintf(w, "[1,%q]", r.URL.RawQuery)
			})})
			_, failure := ask(t, c, asked{path: "/list", next: test.next, maxPages: test.maxPages})
			wantFailure(t, failure, test.class, test.words)
		})
	}
}

func TestAPollIsCancelledInTheMiddle(t *testing.T) {
	t.Run("of an expression", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, failure := askIn(ctx, t, answering(t, numbers(50_000)), asked{where: "lists.range(20).all(a, lists.range(20).all(b, row + a + b >= 0 || true))"})
		wantFailure(t, failure, source.Unavailable, "timed out")
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it takes %v", took)
		}
	})
	t.Run("of the pages", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("page") != "" {
				cancel()
			}
			_, _ = fmt.Fprintf(w, "[%q]", r.URL.RawQuery) // a page of its own: one again would be told first
		})})
		_, failure := askIn(ctx, t, c, asked{next: `"?page=" + string(page)`})
		wantFailure(t, failure, source.Unavailable, "cancelled")
	})
}

func TestAllPagesTogetherAreBounded(t *testing.T) {
	blank := strings.Repeat(" ", 7<<20)
	c := connect(t, v1alpha1.HTTPSource{MaxResponseSize: "8Mi", URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%q\n%s", r.URL.RawQuery, blank)
	})})
	_, failure := ask(t, c, asked{format: v1alpha1.HTTPFormatNDJSON, next: `"?page=" + string(page)`})
	wantFailure(t, failure, source.BadAnswer, "32 MiB")
}

// A server that does not know the parameter answers its first page to every question:
// the sum of that is wrong, and a total that counts as often confirms it.
func TestAServerThatRepeatsItselfIsNotBelieved(t *testing.T) {
	const upTo3 = `page < 3 ? "?page=" + string(page + 1) : ""`
	for name, test := range map[string]struct {
		asked
		// pages are what is answered, the last of them for ever.
		pages []string
		words string // empty: it is believed
		want  string
	}{
		"the same page for ever":      {asked{rows: "body.items", next: upTo3, complete: "!last || double(count) == body.total"}, []string{`{"total":6,"items":[1,2]}`}, "page 2 is the same as page 1: the server repeats itself instead of going on; check http.pagination.next", ""},
		"from the second on":          {asked{next: upTo3}, []string{"[1]", "[2]"}, "page 3 is the same as page 2", ""},
		"the first comes again":       {asked{next: upTo3}, []string{"[1]", "[2]", "[1]"}, "page 3 is the same as page 1", ""},
		"another cursor":              {asked{cursor: "page < 3 ? string(page) : ''", method: "POST", body: "{'after': cursor}"}, []string{"[1]"}, "page 2 is the same as page 1: the server repeats itself instead of going on; check http.pagination.cursor", ""},
		"rows that do not count":      {asked{where: "row > 1.0", next: upTo3}, []string{"[1]"}, "page 2 is the same as page 1", ""},
		"the same rows, another page": {asked{rows: "body.items", next: upTo3}, []string{`{"page":1,"items":[1]}`, `{"page":2,"items":[1]}`, `{"page":3,"items":[1]}`}, "", "=3"},
		"pages without rows":          {asked{next: upTo3, value: "row"}, []string{"[]", "[]", "[7]"}, "", "=7"},
	} {
		t.Run(name, func(t *testing.T) {
			served := 0
			c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, test.pages[min(served, len(test.pages)-1)])
				served++
			})})
			answer, failure := ask(t, c, test.asked)
			if test.words == "" {
				wantRows(t, answer, failure, test.want)
				return
			}
			wantFailure(t, failure, source.BadAnswer, test.words)
		})
	}
}
