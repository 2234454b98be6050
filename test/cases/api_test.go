// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func api(address, more string) string {
	return source("api", "HTTP", fmt.Sprintf(`http: {url: "http://%s"}`, address)+"\n"+more)
}

// counting is a program with metrics of an API.
func counting(metrics ...string) string {
	return program("p", "sourceRef: {name: api}\nmetrics:\n- "+strings.Join(metrics, "\n- "))
}

// HumanCellAtlas/data-store#1770, broadinstitute/gnomad-browser#825, opensearch-project/OpenSearch#21087.
func TestNumbersOfAPartMoveNothing(t *testing.T) {
	w := begin(t)
	answer := func(timedOut bool, failed, cart, media int) string {
		return fmt.Sprintf(`{"took": 30, "timed_out": %t, "_shards": {"total": 10, "successful": %d, "skipped": 0, "failed": %d},
			"aggregations": {"teams": {"buckets": [
				{"key": "cart", "doc_count": 40, "people": {"value": %d}}, {"key": "media", "doc_count": 40, "people": {"value": %d}}]}}}`,
			timedOut, 10-failed, failed, cart, media)
	}
	var now atomic.Value
	now.Store(answer(false, 0, 40, 38))
	address, _ := w.serve(func(out http.ResponseWriter, r *http.Request) {
		answers(http.StatusOK, now.Load().(string))(out, r) //nolint:forcetypeassert // it is one
	})
	w.apply(api(address, `
adHoc: Denied
queries:
- name: people-by-team # as docs/sources.md shows it
  parameters: [{name: event}]
  http:
    method: POST
    path: /portal/_search
    body: >-
      {"size": 0, "query": {"term": {"event": params.event}},
       "aggs": {"teams": {"terms": {"field": "team", "size": 1000},
         "aggs": {"people": {"cardinality": {"field": "user"}}}}}}
    complete: "!body.timed_out && body._shards.failed == 0.0"
    rows: body.aggregations.teams.buckets
    segment: row.key
    value: row.people.value`),
		program("p", `
sourceRef: {name: api}
segments: [{name: cart}, {name: media}]
metrics:
- {name: people, dimension: Reach, query: {named: {name: people-by-team, parameters: [{name: event, value: open}]}}}`),
		phaseOf("ph", `targets: [{metric: people, atLeast: "70"}]`+"\nsustain: {for: 1s}"))
	w.value("p", "people", "78")
	w.achieved("ph")
	for _, part := range []string{answer(false, 9, 4, 3), answer(true, 0, 4, 3)} {
		now.Store(part)
		said := w.failing("p", "complete")
		w.nothingFalls("ph")
		report.add("07 shards failed, or it took too long", said)
		now.Store(answer(false, 0, 40, 38))
		w.told("AdoptionProgram", "p", "SourcesHealthy", "True/Answering")
	}
}

// gost/server#129: a parameter with a semicolon was lost.
func TestASemicolonInAQueryStays(t *testing.T) {
	w := begin(t)
	address, seen := w.serve(func(out http.ResponseWriter, r *http.Request) {
		devices, skip := 25, 0
		if query := strings.ReplaceAll(r.URL.RawQuery, "%24", "$"); strings.Contains(query, "$filter=") {
			devices = 10
		}
		if _, after, found := strings.Cut(strings.ReplaceAll(r.URL.RawQuery, "%24", "$"), "$skip="); found {
			_, _ = fmt.Sscanf(after, "%d", &skip)
		}
		rows := make([]string, max(min(devices-skip, 5), 0))
		for i := range rows {
			rows[i] = fmt.Sprintf(`{"id": %d}`, skip+i)
		}
		answers(http.StatusOK, `{"value": [`+strings.Join(rows, ", ")+`]}`)(out, r)
	})
	const pages = `rows: body.value, pagination: {next: "size(body.value) == 5 ? '?$skip=' + string(page * 5) : ''"}`
	w.apply(api(address, ""), counting(
		`{name: expanded, dimension: Reach, query: {http: {path: "/odata/Devices?$filter=state%20eq%20'active'&$expand=Owner($select=id;$top=1)", `+pages+`}}}`,
		`{name: percent, dimension: Reach, query: {http: {path: "/odata/Devices?$filter=share%20eq%20'50%'", `+pages+`}}}`,
		`{name: filtered, dimension: Reach, query: {http: {path: "/odata/Devices?$filter=state%20eq%20'active;used'", `+pages+`}}}`),
		phaseOf("ph", `targets: [{metric: filtered, atLeast: "20"}]`))
	w.value("p", "expanded", "10")
	w.value("p", "percent", "10")
	w.value("p", "filtered", "10")
	w.neverAchieved("ph")
	for _, asked := range first(seen.list()) {
		if !strings.Contains(strings.ReplaceAll(asked, "%24", "$"), "$filter=") {
			t.Errorf("a page was asked without the filter: %s", asked)
		}
	}
	report.add("09 a semicolon in a query", "counts "+w.metric("p", "filtered").Value)
}

func first[A, B any](a A, _ B) A { return a }

// n8n-io/n8n#8062: the pause between requests was not kept between pages.
func TestAGapIsKeptBetweenPages(t *testing.T) {
	w := begin(t)
	const gap, least = 2 * time.Second, time.Second // a busy machine lets requests arrive late
	var last atomic.Int64
	address, seen := w.serve(func(out http.ResponseWriter, r *http.Request) {
		now := time.Now()
		if before := last.Swap(now.UnixNano()); now.Sub(time.Unix(0, before)) < least {
			out.WriteHeader(http.StatusTooManyRequests)
			return
		}
		page := 1
		_, _ = fmt.Sscanf(r.URL.RawQuery, "page=%d", &page)
		answers(http.StatusOK, fmt.Sprintf(`{"items": [1, 2], "next": %d}`, (page+1)%5))(out, r)
	})
	w.apply(strings.Replace(api(address, fmt.Sprintf("minQueryGap: %s", gap)), "interval: 1s", "interval: 20s", 1), counting(
		`{name: items, dimension: Reach, query: {http: {path: /burst, rows: body.items, pagination: {next: "body.next != 0.0 ? '?page=' + string(int(body.next)) : ''"}}}}`))
	w.value("p", "items", "8")
	asked, times := seen.list()
	if len(asked) < 4 {
		t.Fatalf("%q", asked)
	}
	for i := 1; i < 4; i++ {
		if between := times[i].Sub(times[i-1]); between < least {
			t.Errorf("page %d came %s after the one before", i+1, between)
		}
	}
	report.add("10 minQueryGap between pages", fmt.Sprintf("4 pages within %s, none refused", times[3].Sub(times[0]).Round(time.Second)))
}

// hub4j/github-api#2009, github-community-projects/issue-metrics#779.
func TestARefusalThatMayBeALimitIsToldAsBoth(t *testing.T) {
	w := begin(t)
	address, _ := w.serve(func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("X-RateLimit-Remaining", "4312")
		answers(http.StatusForbidden, `{"message": "You have exceeded a secondary rate limit."}`)(out, r)
	})
	w.secret("token", map[string]string{"token": "t"})
	w.apply(api(address, "allowPlaintext: true\nauth: {bearer: {secretKeyRef: {name: token, key: token}}}"),
		counting(`{name: items, dimension: Reach, query: {http: {path: /secondary, value: row.total_count}}}`))
	said := w.told("UsageSource", "api", "Ready", "False/PollsFailing", "did not accept the credentials, or asks for fewer requests", "raise interval")
	report.add("11 a secondary limit", said)
}

// raycast/extensions#27550, MrRefactoring/jira.js#418, n8n-io/n8n#16325: an expired token sees no issues.
func TestAFallToNothingIsNotBelievedAtOnce(t *testing.T) {
	w := begin(t)
	var total atomic.Int64
	total.Store(250)
	address, _ := w.serve(func(out http.ResponseWriter, r *http.Request) {
		answers(http.StatusOK, fmt.Sprintf(`{"startAt": 0, "maxResults": 0, "total": %d, "issues": []}`, total.Load()))(out, r)
	})
	const metric = `{name: NAME, dimension: RouteShare, direction: Decrease, query: {http: {path: "/rest/api/2/search?jql=labels=old-portal&maxResults=0", value: row.total}}MORE}`
	named := func(name, more string) string { return strings.NewReplacer("NAME", name, "MORE", more).Replace(metric) }
	w.apply(api(address, ""), counting(named("old-tickets", ""), named("quick", ", sampleEvery: 8s")),
		phaseOf("ph", `targets: [{metric: old-tickets, atMost: "0"}]`+"\nhold: {for: 2s}"),
		phaseOf("lasting", `targets: [{metric: quick, atMost: "0"}]`))
	w.value("p", "old-tickets", "250")
	w.value("p", "quick", "250")
	fell := time.Now()
	total.Store(0)
	said := w.unknown("p", "old-tickets", "fell from 250 to 0 in one answer", "1d", "heartbeat")
	w.neverAchieved("ph")
	w.achieved("lasting")                                                        // it lasts for a sample of its metric
	if after := w.phase("lasting").AchievedAt.Sub(fell); after < 7*time.Second { // of which the last second is rounded
		t.Errorf("a fall is believed after %s", after)
	}
	report.add("12 a fall to 0", said)
}

// github-copilot-resources/copilot-metrics-viewer#178: who has two seats is one person.
func TestPeopleAreCountedOnce(t *testing.T) {
	w := begin(t)
	seat := func(login, org string) string {
		return fmt.Sprintf(`{"assignee": {"login": %q}, "org": %q, "last_activity_at": "2026-11-27T08:00:00Z"}`, login, org)
	}
	page := func(org string, logins ...string) string {
		seats := make([]string, len(logins))
		for i, login := range logins {
			seats[i] = seat(login, org)
		}
		return `{"total_seats": 4, "seats": [` + strings.Join(seats, ", ") + `]}`
	}
	address, _ := w.serve(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "" {
			out.Header().Set("Link", fmt.Sprintf(`<http://%s/seats?page=2>; rel="next"`, r.Host))
			answers(http.StatusOK, page("one", "ana", "bo", "cy", "di"))(out, r)
			return
		}
		answers(http.StatusOK, page("two", "ana", "bo", "cy"))(out, r)
	})
	w.apply(api(address, ""), counting(
		`{name: active, dimension: Reach, query: {http: {path: /seats, rows: body.seats, where: "row.last_activity_at != null", distinct: row.assignee.login, pagination: {next: link.next}}}}`,
		`{name: seats, dimension: Depth, query: {http: {path: /seats, rows: body.seats, pagination: {next: link.next}}}}`),
		phaseOf("ph", `targets: [{metric: active, atLeast: "6"}]`))
	w.value("p", "active", "4")
	w.value("p", "seats", "7")
	w.neverAchieved("ph")
	report.add("13 the same person twice", "distinct counts "+w.metric("p", "active").Value+", rows are "+w.metric("p", "seats").Value)
}

// callumlocke/json-formatter#172, vanilla/vanilla#674.
func TestJSONIsReadWhateverItsLabel(t *testing.T) {
	w := begin(t)
	address, _ := w.serve(func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Type", "text/html; charset=UTF-8")
		if r.URL.Path == "/login" {
			_, _ = fmt.Fprint(out, "<!DOCTYPE html><title>Log in</title>")
			return
		}
		_, _ = fmt.Fprint(out, `{"adopted": 12}`)
	})
	w.apply(api(address, ""), counting(
		`{name: adopted, dimension: Reach, query: {http: {path: /api.php, value: row.adopted}}}`,
		`{name: page, dimension: Reach, query: {http: {path: /login, value: row.adopted}}}`),
		phaseOf("ph", `targets: [{metric: adopted, atLeast: "10"}]`))
	w.value("p", "adopted", "12")
	w.achieved("ph")
	said := w.unknown("p", "page", "web page")
	report.add("22 JSON labelled as a page", "adopted "+w.metric("p", "adopted").Value+"; a page: "+said)
}
