// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

func TestAnAnswerThatIsNotSaidToBeWholeIsUnknown(t *testing.T) {
	for name, test := range map[string]struct {
		body, complete string
		words          []string // none: it is whole
	}{
		"a search that is whole":        {`{"incomplete_results":false,"items":[1,2]}`, "!body.incomplete_results", nil},
		"a search in part":              {`{"incomplete_results":true,"items":[1,2]}`, "!body.incomplete_results", []string{"http.complete is not true of page 1", "only a part"}},
		"shards that are there":         {`{"timed_out":false,"_shards":{"failed":0},"items":[1,2]}`, "!body.timed_out && body._shards.failed == 0.0", nil},
		"shards that are compared":      {`{"timed_out":false,"_shards":{"failed":0},"items":[1,2]}`, "!body.timed_out && body._shards.failed == 0", nil},
		"shards that failed":            {`{"timed_out":false,"_shards":{"failed":9},"items":[1,2]}`, "!body.timed_out && body._shards.failed == 0.0", []string{"only a part"}},
		"a field that is absent":        {`{"items":[1,2]}`, "!body.incomplete_results", []string{"whether page 1 is whole cannot be told", "there is no incomplete_results", "has()"}},
		"null":                          {`{"whole":null,"items":[1,2]}`, "body.whole", []string{"cannot be told", "null, not true or false"}},
		"a string":                      {`{"whole":"hunter2","items":[1,2]}`, "body.whole", []string{"a string, not true or false"}},
		"a number":                      {`{"whole":1,"items":[1,2]}`, "body.whole", []string{"a number, not true or false"}},
		"as many as there are":          {`{"total_count":2,"items":[1,2]}`, "double(size(body.items)) == body.total_count", nil},
		"fewer than there are":          {`{"total_count":3,"items":[1,2]}`, "double(size(body.items)) == body.total_count", []string{"only a part"}},
		"counted by the operator":       {`{"total_count":2,"items":[1,2]}`, "count == body.total_count && last", nil},
		"fewer, counted":                {`{"total_count":3,"items":[1,2]}`, "count == body.total_count", []string{"only a part"}},
		"the status":                    {`{"items":[1,2]}`, "status == 200 && status == 200.0", nil},
		"a header":                      {`{"items":[1,2]}`, "headers['x-total-count'] == '2'", nil},
		"a header that is not there":    {`{"items":[1,2]}`, "headers['x-total'] == '2'", []string{"there is no x-total"}},
		"errors beside data":            {`{"data":{"n":1},"errors":[{"message":"hunter2"}],"items":[1,2]}`, "", []string{"errors beside data", "http.complete"}},
		"errors that are allowed":       {`{"data":{"n":1},"errors":[{"message":"hunter2"}],"items":[1,2]}`, "true", nil},
		"no errors":                     {`{"data":{"n":1},"errors":[],"items":[1,2]}`, "", nil},
		"a part is told before its row": {`{"incomplete_results":true,"items":null}`, "!body.incomplete_results", []string{"only a part"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Total-Count", "2")
				_, _ = io.WriteString(w, test.body)
			})})
			answer, failure := ask(t, c, asked{rows: "body.items", complete: expr(test.complete)})
			if len(test.words) == 0 {
				wantRows(t, answer, failure, "=2")
				return
			}
			wantFailure(t, failure, source.BadAnswer, test.words...)
		})
	}
}

func TestAConditionOfWholenessThatCannotBeOneIsRefused(t *testing.T) {
	for complete, words := range map[expr]string{
		"1":        "http.complete, line 1, column 1: it gives int, not true or false",
		"row.x":    "row",
		"body.x &": "http.complete, line 1",
	} {
		_, failure := ask(t, answering(t, "[]"), asked{complete: complete})
		wantFailure(t, failure, source.InvalidQuery, words)
	}
}

// A server that cuts pages to a limit of its own is found out by the total.
func TestEveryPageIsJudgedAndATotalIsComparedAtTheLast(t *testing.T) {
	served := func(total, broken int) source.Connection {
		return connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
			page, _ := strconv.Atoi(r.URL.Query().Get("page"))
			page = max(page, 1)
			_, _ = fmt.Fprintf(w, `{"page":%d,"total":%d,"partial":%v,"more":%v,"items":[1,2]}`, page, total, page == broken, page < 3)
		})})
	}
	query := asked{rows: "body.items", next: "body.more ? '?page=' + string(page + 1) : ''"}
	query.complete = "!last || count == body.total"
	answer, failure := ask(t, served(6, 0), query)
	wantRows(t, answer, failure, "=6")
	_, failure = ask(t, served(7, 0), query)
	wantFailure(t, failure, source.BadAnswer, "http.complete is not true of page 3")
	query.complete = "!body.partial"
	answer, failure = ask(t, served(6, 0), query)
	wantRows(t, answer, failure, "=6")
	_, failure = ask(t, served(6, 2), query)
	wantFailure(t, failure, source.BadAnswer, "http.complete is not true of page 2")
}

func TestEveryFileIsJudged(t *testing.T) {
	c := linking(t, "files.example.com", func(own string) string { return `{"links":["` + own + `/own"]}` })
	for complete, words := range map[expr]string{
		"file == 0 || size(body) == 2": "",
		"file == 0 || count == 2":      "",
		"file > 0 || has(body.links)":  "",
		"file == 0 || size(body) == 3": "http.complete is not true of file 1",
		"file > 0 && size(body) == 2":  "http.complete is not true of page 1",
		"has(body.links)":              "whether file 1 is whole cannot be told",
	} {
		answer, failure := ask(t, c, asked{links: "body.links", complete: complete})
		if words == "" {
			wantRows(t, answer, failure, "=2")
			continue
		}
		wantFailure(t, failure, source.BadAnswer, words)
	}
}

// members answers as a GraphQL API does, with two members on each of three pages.
func members(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	after := 0
	for at := range 3 {
		if strings.Contains(string(body), fmt.Sprintf(`"after":"c%d"`, at)) {
			after = at
		}
	}
	if !strings.Contains(string(body), `"org":"acme"`) || after == 0 && !strings.Contains(string(body), `"after":null`) {
		w.WriteHeader(http.StatusTeapot)
	}
	_, _ = fmt.Fprintf(w, `{"data":{"members":{"nodes":[{"id":"u%d","team":"a"},{"id":"u9","team":"b"}],
		"pageInfo":{"hasNextPage":%v,"endCursor":"c%d"}}}}`, after, after < 2, after+1)
}

func TestACursorGoesIntoTheBody(t *testing.T) {
	c := connect(t, v1alpha1.HTTPSource{URL: serve(t, members)})
	query := asked{
		method: "POST", path: "/graphql", parameters: []source.Parameter{{Name: "org", Value: "acme"}},
		body: `{"query": "query($org: String!, $after: String) {...}", "variables": {"org": params.org, "after": cursor}}`,
		rows: "body.data.members.nodes", segment: "row.team", complete: "!has(body.errors)",
		cursor: "body.data.members.pageInfo.hasNextPage ? body.data.members.pageInfo.endCursor : null",
	}
	answer, failure := ask(t, c, query)
	wantRows(t, answer, failure, "a=3", "b=3")
	query.distinct = "row.id"
	answer, failure = ask(t, c, query)
	wantRows(t, answer, failure, "a=3", "b=1")
	query.cursor = "'c1'"
	_, failure = ask(t, c, query)
	wantFailure(t, failure, source.BadAnswer, "http.pagination.cursor leads to a page that has been read already")
	query.cursor, query.maxPages = "'c' + string(page)", 3
	query.body = `{"org": params.org, "after": cursor, "page": page}`
	_, failure = ask(t, c, query)
	wantFailure(t, failure, source.BadAnswer, "more than 3 pages")
	_, failure = ask(t, c, asked{cursor: "body.next"})
	wantFailure(t, failure, source.InvalidQuery, "http.pagination.cursor", "method: POST")
	_, failure = ask(t, c, asked{method: "POST", body: "{'a': cursor}", cursor: "body.next", next: "body.next"})
	wantFailure(t, failure, source.InvalidQuery, "http.pagination")
}
