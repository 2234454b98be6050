// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

func TestAQueryThatCannotWorkIsRefusedBeforeAnythingIsSent(t *testing.T) {
	c := connect(t, v1alpha1.HTTPSource{
		URL:               serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it asks") }),
		AllowedPathPrefix: "/orgs/acme",
	})
	one := []source.Parameter{{Name: "team", Value: "cart"}}
	for name, test := range map[string]struct {
		asked
		class source.Class
		words []string
	}{
		"a syntax error":                 {asked{value: "row.\n  ("}, source.InvalidQuery, []string{"http.value, line 2, column 3: "}},
		"an unknown variable":            {asked{value: "1 + rwo.n"}, source.InvalidQuery, []string{"http.value, line 1, column 5: ", "rwo"}},
		"row in rows":                    {asked{rows: "row.x"}, source.InvalidQuery, []string{"http.rows, line 1, column 1: ", "row"}},
		"link in value":                  {asked{value: "link.size()"}, source.InvalidQuery, []string{"link"}},
		"body in the body":               {asked{method: "POST", body: "body.x"}, source.InvalidQuery, []string{"http.body", "body"}},
		"where that is a number":         {asked{where: "1"}, source.InvalidQuery, []string{"http.where", "int, not true or false"}},
		"value that is a string":         {asked{value: "'1'"}, source.InvalidQuery, []string{"string, not a number"}},
		"segment that is a number":       {asked{segment: "1.5"}, source.InvalidQuery, []string{"double, not a string"}},
		"rows that are a map":            {asked{rows: "{'a': 1}"}, source.InvalidQuery, []string{"not a list"}},
		"links that are a string":        {asked{links: "'https://a'"}, source.InvalidQuery, []string{"http.downloads.links", "not a list"}},
		"next that is a number":          {asked{next: "page + 1"}, source.InvalidQuery, []string{"http.pagination.next", "not a string"}},
		"a pattern that is none":         {asked{where: "row.matches('(')"}, source.InvalidQuery, []string{"http.where"}},
		"a body with GET":                {asked{body: "{}"}, source.InvalidQuery, []string{"method: POST"}},
		"an unknown parameter":           {asked{path: "/orgs/acme/{tema}", parameters: one}, source.InvalidQuery, []string{"no parameter tema", "declares team"}},
		"a parameter of none":            {asked{path: "/orgs/acme/{team}"}, source.InvalidQuery, []string{"declares none"}},
		"a brace that is no parameter":   {asked{path: "/orgs/acme/{", parameters: one}, source.InvalidQuery, []string{"brace"}},
		"a closing brace":                {asked{path: "/orgs/acme/a}?x=1", parameters: one}, source.InvalidQuery, []string{"brace"}},
		"a path outside of the prefix":   {asked{path: "/orgs/other"}, source.NotAllowed, []string{"/orgs/acme"}},
		"a path that climbs":             {asked{path: "/orgs/acme/../other"}, source.NotAllowed, nil},
		"a parameter that climbs":        {asked{path: "/orgs/acme/{team}", parameters: []source.Parameter{{Name: "team", Value: ".."}}}, source.InvalidQuery, []string{"parameter team"}},
		"one that climbs in disguise":    {asked{path: "/orgs/acme/{team}", parameters: []source.Parameter{{Name: "team", Value: "../../other"}}}, source.InvalidQuery, []string{"one segment"}},
		"one that climbs, encoded":       {asked{path: "/orgs/acme/{team}", parameters: []source.Parameter{{Name: "team", Value: "%2e%2e/x"}}}, source.InvalidQuery, []string{"one segment"}},
		"one with a slash":               {asked{path: "/orgs/acme/{team}", parameters: []source.Parameter{{Name: "team", Value: "cart/variables"}}}, source.InvalidQuery, []string{"parameter team", "one segment of the path"}},
		"one with an encoded slash":      {asked{path: "/orgs/acme/{team}", parameters: []source.Parameter{{Name: "team", Value: "cart%2Fvariables"}}}, source.InvalidQuery, []string{"one segment"}},
		"one with a slash encoded twice": {asked{path: "/orgs/acme/{team}", parameters: []source.Parameter{{Name: "team", Value: "cart%252fvariables"}}}, source.InvalidQuery, []string{"one segment"}},
		"an empty parameter":             {asked{path: "/orgs/acme/{team}", parameters: []source.Parameter{{Name: "team"}}}, source.InvalidQuery, []string{"parameter team"}},
		"a body that JSON cannot write":  {asked{path: "/orgs/acme", method: "POST", body: "{'a': 0.0/0.0}"}, source.InvalidQuery, []string{"http.body", "NaN"}},
		"a duration in the body":         {asked{path: "/orgs/acme", method: "POST", body: "duration('1s')"}, source.InvalidQuery, []string{"a duration"}},
		"a body that fails":              {asked{path: "/orgs/acme", method: "POST", body: "params.tema", parameters: one}, source.InvalidQuery, []string{"there is no tema"}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.path == "" {
				test.path = "/orgs/acme"
			}
			_, failure := ask(t, c, test.asked)
			wantFailure(t, failure, test.class, test.words...)
		})
	}
	_, err := c.Asker(source.Question{Prometheus: &v1alpha1.PrometheusQuery{Expr: "up"}})
	wantFailure(t, source.AsError(err), source.InvalidQuery, "desk is asked with http queries")
	question := asked{}.question()
	question.SegmentBy = &v1alpha1.SegmentBy{Label: "team"}
	_, err = c.Asker(question)
	wantFailure(t, source.AsError(err), source.InvalidQuery, "http.segment")
}

func TestParametersStayOneValue(t *testing.T) {
	nasty := `a/b?c=d&e #f%2F+"{team}é`
	var path, query, posted string
	c := connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		path, query = r.URL.EscapedPath(), r.URL.Query().Get("q")
		body, _ := io.ReadAll(r.Body)
		posted = r.Method + " " + r.Header.Get("Content-Type") + " " + string(body)
		_, _ = io.WriteString(w, `[{"t":"x"}]`)
	})})
	answer, failure := ask(t, c, asked{
		path: "/api/{team}/x?q={other}&limit=1", method: "POST",
		body:  `{"team": params.other, "to": string(now), "at": now, "ms": int(now) * 1000, "list": [1, 2.5, null, true, 3u]}`,
		value: `params.other.startsWith("a/b") ? 2 : 1`,
		parameters: []source.Parameter{
			{Name: "team", Value: "cart & co"}, {Name: "other", Value: nasty}, {Name: "unused", Value: "x"},
		},
	})
	wantRows(t, answer, failure, "=2")
	if path != "/api/cart%20&%20co/x" || query != nasty {
		t.Errorf("path %q, query %q", path, query)
	}
	want := `POST application/json {"at":"2026-11-02T09:00:00Z","list":[1,2.5,null,true,3],"ms":1793610000000,"team":"a/b?c=d\u0026e #f%2F+\"{team}é","to":"2026-11-02T09:00:00Z"}`
	if posted != want {
		t.Errorf("posted\n%s, not\n%s", posted, want)
	}
}

func TestTheSourcesHeadersAreSent(t *testing.T) {
	var got http.Header
	at := v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = io.WriteString(w, `[]`)
	})}
	if _, failure := ask(t, connect(t, at), asked{}); failure != nil || !strings.HasPrefix(got.Get("Accept"), "application/json") {
		t.Errorf("%v, %v", failure, got)
	}
	at.Headers = []v1alpha1.Header{{Name: "accept", Value: "application/vnd.example+json"}, {Name: "X-Version", Value: "7"}}
	if _, failure := ask(t, connect(t, at), asked{}); failure != nil ||
		got.Get("Accept") != "application/vnd.example+json" || got.Get("X-Version") != "7" || got.Get("Authorization") != "Bearer "+secret {
		t.Errorf("%v, %v", failure, got)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	_, err := New(settingsFor(v1alpha1.HTTPSource{URL: "ftp://example.com"}))
	wantFailure(t, source.AsError(err), source.InvalidQuery, "url")
}
