// SPDX-License-Identifier: Apache-2.0

package httpjson

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

// page is what an API answers with when it is asked just so.
type page struct {
	// question is the method and the address, and for a POST the body.
	question string
	file     string
	// link is the header Link, with SELF for the address of the server.
	link string
}

// shape is a query for a public API and what comes of it; testdata/README.md says
// which one.
type shape struct {
	pages []page
	asked
	want []string
}

var shapes = map[string]shape{
	"Copilot users with an interaction": {
		[]page{{"GET /orgs/acme/copilot/metrics/reports/users-1-day?day=2026-10-31", "copilot-report.json", ""}},
		asked{
			path:  "/orgs/acme/copilot/metrics/reports/users-1-day?day=2026-10-31",
			links: "body.download_links", where: "row.user_initiated_interaction_count > 0",
		},
		[]string{"=2"},
	},
	"Copilot users who generate code, by editor": {
		[]page{{"GET /orgs/acme/copilot/metrics/reports/users-1-day?day=2026-10-31", "copilot-report.json", ""}},
		asked{
			path:  "/orgs/acme/copilot/metrics/reports/users-1-day?day=2026-10-31",
			links: "body.download_links",
			rows:  "body.map(u, u.totals_by_ide).flatten()", segment: "row.ide", where: "row.code_generation_activity_count > 0",
		},
		[]string{"intellij=1", "vscode=2"},
	},
	"Copilot seats in use": {
		[]page{{"GET /orgs/acme/copilot/billing", "copilot-billing.json", ""}},
		asked{path: "/orgs/acme/copilot/billing", value: "row.seat_breakdown.active_this_cycle / row.seat_breakdown.total"},
		[]string{"=0.75"},
	},
	"Copilot seats active in four weeks, by team": {
		[]page{
			{"GET /orgs/acme/copilot/billing/seats?per_page=3", "copilot-seats-1.json", `<SELF/orgs/acme/copilot/billing/seats?per_page=3&page=2>; rel="next", <SELF/orgs/acme/copilot/billing/seats?per_page=3&page=2>; rel="last"`},
			{"GET /orgs/acme/copilot/billing/seats?per_page=3&page=2", "copilot-seats-2.json", `<SELF/orgs/acme/copilot/billing/seats?per_page=3&page=1>; rel="prev", <SELF/orgs/acme/copilot/billing/seats?per_page=3&page=1>; rel="first"`},
		},
		asked{
			path: "/orgs/acme/copilot/billing/seats?per_page=3", next: "link.next", rows: "body.seats",
			segment: `row.assigning_team == null ? "" : row.assigning_team.slug`,
			where:   `row.last_activity_at != null && timestamp(row.last_activity_at) > now - duration("672h")`,
		},
		[]string{"=1", "cart=2", "media=0"},
	},
	"Backstage components with documentation": {
		[]page{{"GET /api/catalog/entities/by-query?filter=kind=component,metadata.annotations.backstage.io/techdocs-ref&limit=1", "backstage-count.json", ""}},
		asked{
			path:  "/api/catalog/entities/by-query?filter=kind=component,metadata.annotations.backstage.io/techdocs-ref&limit=1",
			value: "row.totalItems",
		},
		[]string{"=143"},
	},
	"Backstage components with documentation, by owner": {
		[]page{
			{"GET /api/catalog/entities/by-query?filter=kind=component&limit=2", "backstage-1.json", ""},
			{"GET /api/catalog/entities/by-query?filter=kind=component&limit=2&cursor=eyJhIjoi%2Bz8/In0=", "backstage-2.json", ""},
		},
		asked{
			path: "/api/catalog/entities/by-query?filter=kind={kind}&limit=2", rows: "body.items", segment: "row.spec.owner",
			next:       `has(body.pageInfo.nextCursor) ? "?cursor=" + body.pageInfo.nextCursor : ""`,
			where:      `"backstage.io/techdocs-ref" in row.metadata.?annotations.orValue({})`,
			parameters: []source.Parameter{{Name: "kind", Value: "component"}},
		},
		[]string{"group:default/cart=1", "group:default/media=0"},
	},
	"Argo CD applications that sync themselves, by project": {
		[]page{{"GET /api/v1/applications", "argocd-applications.json", ""}},
		asked{path: "/api/v1/applications", rows: "body.items", segment: "row.spec.project", where: "has(row.spec.syncPolicy) && has(row.spec.syncPolicy.automated)"},
		[]string{"shop=2", "video=0"},
	},
	"Argo CD applications by the label of their team": {
		[]page{{"GET /api/v1/applications", "argocd-applications.json", ""}},
		asked{path: "/api/v1/applications", rows: "body.items", segment: `row.metadata.?labels.?team.orValue("nobody")`},
		[]string{"ads=1", "cart=2", "nobody=1"},
	},
	"tickets about the migration, by group": {
		[]page{
			{"GET /api/v2/search.json?query=type:ticket+tags:migration", "helpdesk-1.json", ""},
			{"GET /api/v2/search.json?page=2&query=type%3Aticket+tags%3Amigration", "helpdesk-2.json", ""},
		},
		asked{
			path: "/api/v2/search.json?query=type:ticket+tags:{tag}", next: "body.next_page", rows: "body.results",
			segment:    `row.group_id == null ? "" : string(int(row.group_id))`,
			where:      `params.tag in row.tags`,
			parameters: []source.Parameter{{Name: "tag", Value: "migration"}},
		},
		[]string{"=0", "40011=1", "98738=2"},
	},
	"the last value of each series in Grafana": {
		[]page{{`POST /api/ds/query {"from":"1793606400000","queries":[{"datasource":{"uid":"main"},"expr":"sum by (team) (logins)","refId":"A"}],"to":"1793610000000"}`, "grafana-query.json", ""}},
		asked{
			path: "/api/ds/query", method: "POST",
			body:    `{"from": string(int(now - duration("1h")) * 1000), "to": string(int(now) * 1000), "queries": [{"refId": "A", "datasource": {"uid": "main"}, "expr": "sum by (team) (logins)"}]}`,
			rows:    "body.results.A.frames",
			segment: "row.schema.fields[1].labels.team", value: "row.data.values[1].last().value()",
		},
		[]string{"cart=43.5", "media?"},
	},
	"the last point of each series in Datadog": {
		[]page{{"GET /api/v1/query?query=sum:portal.logins%7B*%7D+by+%7Bteam%7D", "datadog-query.json", ""}},
		asked{
			path: "/api/v1/query?query=sum:portal.logins%7B*%7D+by+%7Bteam%7D",
			rows: "body.series", segment: `row.scope.replace("team:", "")`, value: "row.pointlist[row.pointlist.size() - 1][1]",
		},
		[]string{"cart=14", "media?"},
	},
}

func TestQueriesForPublicAPIsGiveTheirNumbers(t *testing.T) {
	for name, test := range shapes {
		t.Run(name, func(t *testing.T) {
			files := serve(t, theFiles(t))
			self := ""
			self = serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				question := strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(body))
				for _, p := range test.pages {
					if p.question == question && r.Header.Get("Authorization") == "Bearer "+secret && r.Header.Get("X-GitHub-Api-Version") == "2022-11-28" {
						w.Header().Set("Content-Type", "application/json; charset=utf-8")
						w.Header().Set("Link", strings.ReplaceAll(p.link, "SELF", self))
						_, _ = io.WriteString(w, strings.NewReplacer("SELF", self, "FILES", files).Replace(testdata(t, p.file)))
						return
					}
				}
				t.Errorf("it asks %q with %v", question, r.Header)
				w.WriteHeader(http.StatusTeapot)
			})
			c := connect(t, v1alpha1.HTTPSource{
				URL: self, DownloadHosts: []string{strings.TrimPrefix(files, "http://")},
				Headers: []v1alpha1.Header{{Name: "X-GitHub-Api-Version", Value: "2022-11-28"}},
			})
			answer, failure := ask(t, c, test.asked)
			wantRows(t, answer, failure, test.want...)
		})
	}
}

// theFiles is the other host: it wants its signature, and nothing of the source.
func theFiles(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if got := fmt.Sprint(r.Header); strings.Contains(got, secret) || strings.Contains(got, "2022-11-28") {
			t.Errorf("the other host sees %s", got)
		}
		if !strings.Contains(r.URL.RawQuery, "sig=") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = io.WriteString(w, testdata(t, "copilot-"+filepath.Base(r.URL.Path)))
	}
}

func testdata(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Error(err)
	}
	return string(text)
}
