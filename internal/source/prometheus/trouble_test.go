// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// ofItsOwn is where a message quotes the expression.
var ofItsOwn = regexp.MustCompile(`, from ("(?:[^"\\]|\\.)*") on`)

// What the servers write, from their sources and from running them.
func TestAMistakeOfTheExpressionIsToldApartFromTroubleOfTheData(t *testing.T) {
	const expr = `count(up{job="cannot parse missing"})`
	quoted := strings.ReplaceAll(expr, `"`, `\\\"`)
	vm := `error when executing query=\"` + quoted + `\" for (time=1, step=300000): `
	for name, test := range map[string]struct {
		status     int
		kind, text string
		class      source.Class
		words      string
	}{
		"Prometheus, a bracket":         {400, "bad_data", `invalid parameter \"query\": 1:17: parse error: unclosed left parenthesis`, source.InvalidQuery, `look at 1:17 (line:column), from "nnot parse missing\"}…" on: a ( is not closed`},
		"Prometheus, a function":        {400, "bad_data", `invalid parameter \"query\": 1:1: parse error: unknown function with name \"hunter2\"`, source.InvalidQuery, "there is no such function"},
		"Mimir, the end":                {400, "bad_data", `1:8: parse error: unexpected end of input`, source.InvalidQuery, `look at 1:8 (line:column), from "p{job=\"cannot parse …" on: it ends too early`},
		"Prometheus, a grouping":        {400, "bad_data", `invalid parameter \"query\": 1:7: parse error: unexpected <by> in aggregation`, source.InvalidQuery, "does not belong there"},
		"Thanos, a range":               {400, "bad_data", `1:6: parse error: expected type range vector in call to function \"rate\", got instant vector`, source.InvalidQuery, "a range such as [5m] is missing"},
		"bad data of another kind":      {400, "bad_data", `hunter2`, source.InvalidQuery, "evaluate it there"},
		"Prometheus, a join":            {422, "execution", `found duplicate series for the match group {hunter2} on the right hand-side of the operation: many-to-many matching not allowed: matching labels must be unique on one side`, source.BadAnswer, "several series where one is matched"},
		"Thanos, no store":              {422, "execution", `expanding series: no store matched`, source.BadAnswer, "data that is away"},
		"Mimir, a limit":                {422, "execution", `the query exceeded the maximum number of chunks (hunter2)`, source.BadAnswer, "over what it holds now"},
		"a pattern of label_replace":    {422, "execution", `invalid regular expression in label_replace(): (`, source.InvalidQuery, "regular expression"},
		"VictoriaMetrics, a bracket":    {422, "422", vm + `cannot parse args: missing ')'`, source.InvalidQuery, "a ( is not closed"},
		"VictoriaMetrics, a brace":      {422, "422", vm + `missing closing brace in \"hunter2\"`, source.InvalidQuery, "a { is not closed"},
		"VictoriaMetrics, a label":      {422, "422", vm + `labelFilters: unexpected token \")\"; want \",\", \"or\", \"}\"; unparsed data: \"hunter2\"`, source.InvalidQuery, "a { is not closed"},
		"VictoriaMetrics, too much":     {422, "422", vm + `unparsed data left: \"hunter2\"`, source.InvalidQuery, "does not belong there"},
		"VictoriaMetrics, a function":   {422, "422", vm + `cannot evaluate \"f(x)\": unknown func \"hunter2\"`, source.InvalidQuery, "no such function"},
		"VictoriaMetrics, without more": {422, "422", `error when executing query: cannot parse the expression`, source.InvalidQuery, "does not accept the expression"},
		"VictoriaMetrics, older":        {400, "400", vm + `hunter2`, source.InvalidQuery, ""},
		"VictoriaMetrics, a join":       {422, "422", vm + `cannot evaluate \"a * on (b) c\": duplicate time series on the right side of on(b): {hunter2} and {hunter2}`, source.BadAnswer, "several series"},
		"VictoriaMetrics, an output":    {422, "422", vm + `duplicate output timeseries: {}`, source.BadAnswer, ""},
		"VictoriaMetrics, a limit":      {422, "422", vm + `cannot select more than -search.maxSamplesPerQuery=1000 samples`, source.BadAnswer, ""},
		"VictoriaMetrics, who knows":    {422, "422", vm + `hunter2`, source.BadAnswer, ""},
		"VictoriaMetrics, down":         {503, "503", `hunter2`, source.Unavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := fmt.Sprintf(`{"status":"error","errorType":"%s","error":"%s near rival{hunter2}"}`, test.kind, test.text)
			_, failure := ask(t, fake(t, respond(test.status, nil, body)), expr, "")
			wantFailure(t, failure, test.class, test.words)
			_, said, _ := strings.Cut(failure.Message, " ") // the port may be any
			// A piece of the program's own expression may be there, and nothing of the server's.
			if found := ofItsOwn.FindStringSubmatch(said); found != nil {
				piece, err := strconv.Unquote(found[1])
				if err != nil || !strings.Contains(expr, strings.TrimSuffix(piece, "…")) {
					t.Errorf("%s is told, which is not from the expression", found[1])
				}
				said = strings.Replace(said, found[0], "", 1)
			}
			for _, never := range []string{"hunter2", "422", "up{", "rival"} {
				if strings.Contains(said, never) {
					t.Errorf("%q is told: %s", never, failure.Message)
				}
			}
		})
	}
}

func TestNotesAmongTheWarningsAreNone(t *testing.T) {
	for warnings, isWarned := range map[string]bool{
		`["PromQL info: metric might not be a counter, name does not end in _total (1:15)"]`: false,
		`[" PromQL info: a", "PromQL info: b"]`:                                              false,
		`["PromQL info: a", "hunter2"]`:                                                      true,
		`["PromQL warning: a"]`:                                                              true,
		`[{"hunter2":1}]`:                                                                    true,
	} {
		answer, failure := ask(t, fake(t, respond(200, nil, strings.Replace(good, `"data"`, `"warnings":`+warnings+`,"data"`, 1))), "1", "")
		if isWarned {
			wantFailure(t, failure, source.BadAnswer, "warning")
		} else if failure != nil || answer.Rows[0].Value != 1 {
			t.Errorf("%s: %+v, %v", warnings, answer, failure)
		}
	}
}

func TestGETIsAskedWherePOSTIsRefused(t *testing.T) {
	for _, status := range []int{403, 405, 501} {
		var asked []string
		client := fake(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Method+" "+r.URL.Query().Get("query"))
			if r.Method == http.MethodPost {
				w.WriteHeader(status)
				return
			}
			_, _ = io.WriteString(w, good)
		})
		for range 2 {
			if answer, failure := ask(t, client, `a{b="c&d+e"}`, ""); failure != nil || answer.Rows[0].Value != 1 {
				t.Fatalf("%d: %+v, %v", status, answer, failure)
			}
		}
		want := `[POST  GET a{b="c&d+e"} GET a{b="c&d+e"}]`
		if got := fmt.Sprint(asked); got != want {
			t.Errorf("%d: it asks %s, not %s", status, got, want)
		}
	}
}

func TestWhereBothAreRefusedPOSTIsNamed(t *testing.T) {
	for status, class := range map[int]source.Class{403: source.Unauthorized, 405: source.BadAnswer, 501: source.BadAnswer} {
		_, failure := ask(t, fake(t, respond(status, nil, "")), "1", "")
		wantFailure(t, failure, class, "POST")
	}
	// Whoever asks for fewer requests is not asked twice.
	asked := 0
	_, failure := ask(t, fake(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusForbidden)
	}), "1", "")
	wantFailure(t, failure, source.Throttled, "")
	if asked != 1 {
		t.Errorf("it asks %d times", asked)
	}
}

func TestParametersOfATenantAreInEveryAddress(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.RawQuery+" "+r.FormValue("query"))
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		_, _ = io.WriteString(w, good)
	}))
	defer server.Close()
	connection, err := New(source.Settings{
		Prometheus: &v1alpha1.PrometheusSource{URL: server.URL, Params: []v1alpha1.URLParameter{
			{Name: "namespace", Value: "shop & co"}, {Name: "extra_label", Value: "a=b"}, {Name: "extra_label", Value: "c=d"},
		}},
		Guard: source.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, failure := ask(t, connection, "1", ""); failure != nil {
		t.Fatal(failure)
	}
	const params = "namespace=shop+%26+co&extra_label=a%3Db&extra_label=c%3Dd"
	if want := "POST " + params + " 1, GET " + params + "&query=1 1"; strings.Join(got, ", ") != want {
		t.Errorf("it asks\n%s, not\n%s", strings.Join(got, ", "), want)
	}
}

func TestAnAddressThatIsNotTheBaseIsToldWhatToWrite(t *testing.T) {
	_, failure := ask(t, fake(t, respond(404, nil, "hunter2")), "1", "")
	wantFailure(t, failure, source.BadAnswer, "url is the base address", "/graph")
}
