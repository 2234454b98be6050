// SPDX-License-Identifier: Apache-2.0

package playbooks

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	usage "github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/httpjson"
)

// answersOfAPIs are recorded for the tests of the driver.
const answersOfAPIs = "../../internal/source/httpjson/testdata"

// The queries for public APIs give numbers on what these APIs answer.
func TestNamedQueriesGiveNumbersOfRecordedAnswers(t *testing.T) {
	got := map[string]string{}
	for file, source := range map[string]string{"argocd-applications.json": "argocd", "backstage-count.json": "backstage"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, filepath.Join(filepath.FromSlash(answersOfAPIs), file))
		}))
		t.Cleanup(server.Close)
		given := merged(everything(t), values{"sources": values{source: values{"url": server.URL, "secretName": source + "-token"}}})
		sources := typed[v1alpha1.UsageSource](t, rendered(t, given, "somewhere"), "UsageSource")
		i := slices.IndexFunc(sources, func(s *v1alpha1.UsageSource) bool { return s.Name == source })
		for _, named := range sources[i].Spec.Queries {
			if named.HTTP.Pagination == nil { // the answer is one page
				got[source+" "+string(named.Name)] = ask(t, sources[i], named)
			}
		}
	}
	want := map[string]string{
		"argocd applications":         "ads=1 cart=2 nobody=1",
		"argocd synced-by-themselves": "ads=1 cart=1 nobody=0",
		"backstage components":        "=143",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, not %v", got, want)
	}
}

// ask returns the rows of an answer as one text.
func ask(t *testing.T, from *v1alpha1.UsageSource, named v1alpha1.NamedQuery) string {
	t.Helper()
	connection, err := httpjson.New(usage.Settings{
		Name: from.Name, HTTP: from.Spec.HTTP, Guard: usage.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Now: func() time.Time { return time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	question := usage.Question{HTTP: named.HTTP}
	for _, declared := range named.Parameters {
		question.Parameters = append(question.Parameters, usage.Parameter{Name: string(declared.Name), Value: "service"})
	}
	asker, err := connection.Asker(question)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := asker.Ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, row := range answer.Rows {
		words = append(words, fmt.Sprintf("%s=%v%s", row.Segment, row.Value, row.Unknown))
	}
	return strings.Join(words, " ")
}
