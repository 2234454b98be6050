// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// secret stands in answers and credentials; no failure may repeat it.
const secret = "hunter2"

// today is when all the tests ask.
var today = time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	expr = v1alpha1.Expression
	// asked is shorter to write than the query of the API.
	asked struct {
		path                        string
		format                      v1alpha1.HTTPFormat
		rows, where, segment, value expr
		distinct, complete, cursor  expr
		next                        expr
		maxPages                    int32
		links                       expr
		linksFormat                 v1alpha1.HTTPFormat
		method                      v1alpha1.HTTPMethod
		body                        expr
		parameters                  []source.Parameter
	}
)

func (a asked) question() source.Question {
	query := &v1alpha1.NamedHTTPQuery{
		HTTPQuery: v1alpha1.HTTPQuery{Path: a.path, Format: a.format, Rows: a.rows, Where: a.where, Segment: a.segment, Value: a.value, Distinct: a.distinct, Complete: a.complete},
		Method:    a.method, Body: a.body,
	}
	if a.next != "" || a.cursor != "" {
		query.Pagination = &v1alpha1.HTTPPagination{Next: a.next, Cursor: a.cursor, MaxPages: a.maxPages}
	}
	if a.links != "" {
		query.Downloads = &v1alpha1.HTTPDownloads{Links: a.links, Format: a.linksFormat}
	}
	return source.Question{HTTP: query, Parameters: a.parameters}
}

func settingsFor(at v1alpha1.HTTPSource) source.Settings {
	return source.Settings{
		Name: "desk", HTTP: &at, Credentials: source.Credentials{Token: secret}, AllowPlaintext: true,
		Guard: source.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Now:   func() time.Time { return today },
	}
}

func connect(t testing.TB, at v1alpha1.HTTPSource) source.Connection {
	t.Helper()
	made, err := New(settingsFor(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Close)
	return made
}

// serve starts a server and returns its address.
func serve(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// answering is a connection to a server that always answers the same.
func answering(t testing.TB, body string) source.Connection {
	t.Helper()
	return connect(t, v1alpha1.HTTPSource{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})})
}

func ask(t testing.TB, c source.Connection, a asked) (source.Answer, *source.Error) {
	t.Helper()
	return askIn(t.Context(), t, c, a)
}

// askIn fails the test if a failure has no class or repeats a secret.
func askIn(ctx context.Context, t testing.TB, c source.Connection, a asked) (source.Answer, *source.Error) {
	t.Helper()
	var answer source.Answer
	asker, err := c.Asker(a.question())
	if err == nil {
		answer, err = asker.Ask(ctx)
	}
	if err == nil {
		return answer, nil
	}
	failure, is := errors.AsType[*source.Error](err)
	if !is {
		t.Fatalf("not a classified failure: %v", err)
	}
	if strings.Contains(failure.Message, secret) {
		t.Fatalf("the answer or the token is told: %s", failure.Message)
	}
	return source.Answer{}, failure
}

func wantFailure(t testing.TB, failure *source.Error, class source.Class, words ...string) {
	t.Helper()
	if failure == nil {
		t.Fatalf("it does not fail, and should with %s", class)
	}
	if failure.Class != class {
		t.Fatalf("it is %s, not %s: %s", failure.Class, class, failure.Message)
	}
	for _, word := range words {
		if !strings.Contains(failure.Message, word) {
			t.Errorf("%q does not say %q", failure.Message, word)
		}
	}
}

// wantRows compares with "segment=value" or "segment?" for each row.
func wantRows(t testing.TB, answer source.Answer, failure *source.Error, want ...string) {
	t.Helper()
	if failure != nil {
		t.Fatal(failure)
	}
	var got []string
	for _, row := range answer.Rows {
		if math.IsNaN(row.Value) || math.IsInf(row.Value, 0) || (row.Unknown != "" && row.Value != 0) {
			t.Errorf("not a row: %+v", row)
		}
		if strings.Contains(row.Unknown, secret) {
			t.Errorf("the answer is told: %s", row.Unknown)
		}
		if row.Unknown != "" {
			got = append(got, row.Segment+"?")
			continue
		}
		got = append(got, fmt.Sprintf("%s=%g", row.Segment, row.Value))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the rows are %q, not %q (%+v)", got, want, answer.Rows)
	}
}
