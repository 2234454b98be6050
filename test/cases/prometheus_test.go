// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/internal/prometheustest"
)

// vector is an answer of the Prometheus API; a series is `{"team": "cart"}=4`.
func vector(series ...string) string {
	results := make([]string, len(series))
	for i, each := range series {
		labels, value, _ := strings.Cut(each, "=")
		results[i] = fmt.Sprintf(`{"metric": %s, "value": [%d, %q]}`, labels, time.Now().Unix(), value)
	}
	return `{"status": "success", "data": {"resultType": "vector", "result": [` + strings.Join(results, ", ") + `]}}`
}

// answers gives the same to whoever asks.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func prometheus(address string) string {
	return source("prometheus", "Prometheus", fmt.Sprintf(`prometheus: {url: "http://%s"}`, address))
}

// asking is a program with one metric of a Prometheus.
func asking(metric string) string {
	return program("p", "sourceRef: {name: prometheus}\nmetrics:\n- "+metric)
}

// exporter is what a Prometheus scrapes.
type exporter struct{ page atomic.Value }

func (w *world) scraped(page string) (*exporter, *prometheustest.Server) {
	w.Helper()
	e := &exporter{}
	e.page.Store(page)
	address, _ := w.serve(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = fmt.Fprint(out, e.page.Load())
	})
	server, err := prometheustest.Start(prometheustest.Options{Target: address})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(server.Remove)
	return e, server
}

// VictoriaMetrics#6413, #11330: errorType is the status.
func TestATypoIsAMistakeWhateverTheServerCallsIt(t *testing.T) {
	w := begin(t)
	const typo = `{name: sending, dimension: Reach, query: {prometheus: {expr: 'count(up{job="x")'}}}`
	address, _ := w.serve(answers(http.StatusUnprocessableEntity,
		`{"status": "error", "errorType": "422", "error": "error when executing query=\"count(up{job=\\\"x\\\")\" for (time=1795813665000, step=300000): labelFilters: unexpected token \")\"; want \",\", \"or\", \"}\"; unparsed data: \")\""}`))
	w.apply(prometheus(address), asking(typo), phaseOf("ph", `targets: [{metric: sending, atLeast: "3"}]`))
	said := w.told("AdoptionProgram", "p", "Stalled", "True/InvalidQuery", "spec.metrics[sending].query", "cannot parse the expression", "a { is not closed")
	w.neverAchieved("ph")
	if source := w.condition("UsageSource", "prometheus", "Ready"); strings.HasPrefix(source, "False") {
		t.Errorf("the source is told as down: %s", source)
	}
	report.add("01 a typo, VictoriaMetrics", said)
}

// prometheus/prometheus#14135, #12945; grafana/grafana#88671.
func TestNotesAmongWarningsAreNoWarnings(t *testing.T) {
	w := begin(t)
	note := `PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"logins\" (1:15)`
	address, _ := w.serve(answers(http.StatusOK, strings.Replace(vector("{}=42"), `"data"`, `"warnings": ["`+note+`"], "data"`, 1)))
	w.apply(prometheus(address), asking(`{name: logins, dimension: Frequency, query: {prometheus: {expr: "sum(increase(logins[1d]))"}}}`),
		phaseOf("ph", `targets: [{metric: logins, atLeast: "40"}]`))
	w.value("p", "logins", "42")
	w.achieved("ph")
	report.add("02 a note among the warnings", w.phase("ph").Summary)
}

// kubernetes-sigs/kubernetes-mixin#1092: a join fails while an exporter rolls.
func TestAJoinThatFailsForAWhileIsTroubleOfTheData(t *testing.T) {
	w := begin(t)
	const once = "seats{team=\"cart\"} 7\nowner{team=\"cart\",name=\"a\"} 1\n"
	data, server := w.scraped(once)
	w.apply(prometheus(server.Address), asking(`{name: owned, dimension: Reach, query: {prometheus: {expr: 'sum(seats * on (team) group_left (name) owner)'}}}`),
		phaseOf("ph", `targets: [{metric: owned, atLeast: "7"}]`+"\nsustain: {for: 2s}"))
	w.achieved("ph")
	data.page.Store(once + "owner{team=\"cart\",name=\"b\"} 1\n")
	said := w.failing("p", "cannot evaluate the expression over what it holds now")
	w.nothingFalls("ph")
	if ready := w.condition("AdoptionProgram", "p", "Ready"); !strings.HasPrefix(ready, "True") {
		t.Errorf("the program is %s", ready)
	}
	data.page.Store(once)
	w.value("p", "owned", "7")
	w.told("AdoptionProgram", "p", "SourcesHealthy", "True/Answering")
	report.add("03 a join that fails for a while", said)
}

// thanos-io/thanos#6223: stores are away, from the first poll on.
func TestStoresThatAreAwayAreNoMistakeOfTheProgram(t *testing.T) {
	w := begin(t)
	address, seen := w.serve(answers(http.StatusUnprocessableEntity, `{"status": "error", "errorType": "execution", "error": "expanding series: no store matched"}`))
	w.apply(prometheus(address), asking(`{name: labelled, dimension: RouteShare, direction: Decrease, query: {prometheus: {expr: "sum(labelled)"}}}`),
		phaseOf("ph", `targets: [{metric: labelled, atMost: "0"}]`))
	said := w.failing("p", "cannot evaluate the expression over what it holds now")
	asked, _ := seen.list()
	w.eventually("more polls", func() bool { now, _ := seen.list(); return len(now) >= len(asked)+3 }, func() any { return asked })
	if stalled := w.condition("AdoptionProgram", "p", "Stalled"); stalled != "" {
		t.Error(stalled)
	}
	w.neverAchieved("ph")
	report.add("03 stores that are away, Thanos", said)
}

// prometheus/client_golang#1619, openshift/cluster-version-operator#999.
func TestAProxyThatLetsGETThroughIsAskedWithGET(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusMethodNotAllowed} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			w := begin(t)
			address, _ := w.serve(func(out http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					http.Error(out, "Forbidden", status)
					return
				}
				answers(http.StatusOK, vector("{}=4"))(out, r)
			})
			w.apply(prometheus(address), asking(`{name: sending, dimension: Reach, query: {prometheus: {expr: "count(up)"}}}`),
				phaseOf("ph", `targets: [{metric: sending, atLeast: "3"}]`))
			w.value("p", "sending", "4")
			w.achieved("ph")
			w.told("UsageSource", "prometheus", "Ready", "True/Polling")
			report.add(fmt.Sprintf("04 a proxy answers POST with %d", status), w.phase("ph").Summary)
		})
	}
}

// openshift/cluster-version-operator#999: where neither is let through it says so.
func TestAProxyThatLetsNothingThroughIsToldWithWhatItRefuses(t *testing.T) {
	w := begin(t)
	address, _ := w.serve(func(out http.ResponseWriter, _ *http.Request) { http.Error(out, "Forbidden", http.StatusForbidden) })
	w.apply(prometheus(address), asking(`{name: sending, dimension: Reach, query: {prometheus: {expr: "count(up)"}}}`))
	said := w.told("UsageSource", "prometheus", "Ready", "False/PollsFailing", "asks for credentials")
	report.add("04 a proxy refuses both", said)
}

// iits-consulting/otc-prometheus-exporter#97, grafana/synthetic-monitoring-app#230.
func TestAPercentageOf0To100IsNoFraction(t *testing.T) {
	w := begin(t)
	address, _ := w.serve(answers(http.StatusOK, vector("{}=41.3")))
	w.apply(prometheus(address), asking(`{name: adopted, dimension: Reach, format: Percent, query: {prometheus: {expr: "100 * sum(adopters) / sum(services)"}}}`),
		phaseOf("ph", `targets: [{metric: adopted, atLeast: "80%"}]`+"\nhold: {for: 2s}"))
	said := w.unknown("p", "adopted", "41.3", "a fraction is expected", "by 100")
	w.neverAchieved("ph")
	w.failing("p", "a fraction is expected")
	report.add("05 a percentage of 0 to 100", said)
}

// sourcegraph/sourcegraph-public-snapshot#23851.
func TestAFallbackWithoutTheLabelIsNobodys(t *testing.T) {
	w := begin(t)
	data, server := w.scraped("spans{team=\"cart\"} 4\nspans{team=\"media\"} 2\n")
	w.apply(prometheus(server.Address), program("p", `
sourceRef: {name: prometheus}
segments: [{name: cart}, {name: media}]
metrics:
- name: sending
  dimension: Reach
  query: {prometheus: {expr: "sum by (team) (spans) or vector(0)"}, segmentBy: {label: team}}`),
		phaseOf("ph", `targets: [{metric: sending, atLeast: "2", scope: Each}]`))
	w.value("p", "sending", "6")
	w.achieved("ph")
	status := w.phase("ph")
	report.add("15 or vector(0)", status.Summary+" needs "+status.Needs)
	data.page.Store("spans{team=\"cart\"} 4\n")
	said := w.unknown("p", "sending", "media")
	report.add("15 or vector(0), and a team is gone", said)
}

// kedacore/keda#4962, #2575: Thanos' tenancy wants the namespace in the address.
func TestATenantIsNamedInTheAddress(t *testing.T) {
	w := begin(t)
	address, _ := w.serve(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("namespace") != "shop" || r.URL.Query().Get("partial_response") != "false" {
			http.Error(out, "Bad Request. The request or configuration is malformed.", http.StatusBadRequest)
			return
		}
		answers(http.StatusOK, vector("{}=5"))(out, r)
	})
	err := w.try(source("in-url", "Prometheus", `prometheus: {url: "http://`+address+`?namespace=shop"}`))
	if err == nil || !strings.Contains(err.Error(), "write params: ") {
		t.Errorf("a query in the url: %v", err)
	}
	w.apply(source("prometheus", "Prometheus", `prometheus: {url: "http://`+address+`", params: [{name: namespace, value: shop}, {name: partial_response, value: "false"}]}`),
		asking(`{name: sending, dimension: Reach, query: {prometheus: {expr: "count(up)"}}}`), phaseOf("ph", `targets: [{metric: sending, atLeast: "5"}]`))
	w.value("p", "sending", "5")
	w.achieved("ph")
	report.add("28 parameters for a tenant", "params are sent; in url: "+fmt.Sprint(err))
}

// Found while trying VictoriaMetrics#6413: a source whose first query has a typo.
func TestASourceIsPollingAfterItsFirstGoodAnswer(t *testing.T) {
	w := begin(t)
	_, server := w.scraped("")
	through := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: server.Address})
	address, _ := w.serve(func(out http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second) // so that the source is seen between question and answer
		through.ServeHTTP(out, r)
	})
	w.apply(prometheus(address), asking(`{name: sending, dimension: Reach, query: {prometheus: {expr: 'count(up{job="x")'}}}`))
	w.told("AdoptionProgram", "p", "Stalled", "True/InvalidQuery", "look at 1:", "(line:column)")
	time.Sleep(someTurns)
	w.apply(program("fine", "sourceRef: {name: prometheus}\nmetrics:\n- {name: up, dimension: Reach, query: {prometheus: {expr: 'count(up)'}}}"))
	w.value("fine", "up", "1")
	since := time.Now()
	said := w.told("UsageSource", "prometheus", "Ready", "True/Polling")
	if took := time.Since(since); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	report.add("37 the first good answer of a source", said)
}
