// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/databasetest"
)

// csv is a ConfigMap's value of rows "segment,value" or "date,segment,value".
func csv(rows ...string) string {
	text := "date,segment,value\n"
	for _, row := range rows {
		if strings.Count(row, ",") == 1 {
			row = daysAgo(3) + "," + row
		}
		text += row + "\n"
	}
	return text
}

// entered is a query of what people enter.
func entered(key string) string { return "{configMap: {name: numbers, key: " + key + "}}" }

// hjacobs/kube-resource-report#114: what has no owner label belongs in the report.
func TestNamespacesWithoutATeamAreSaidToBeLeftOut(t *testing.T) {
	w := begin(t)
	for name, labels := range map[string]map[string]string{
		"cart": {"team": "cart", "done": "yes"}, "media": {"team": "media", "done": "yes"}, "nobody-1": {}, "nobody-2": {},
	} {
		labels["case"] = w.namespace
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace + "-" + name, Labels: labels}}
		if err := people.Create(t.Context(), ns); err != nil {
			t.Fatal(err)
		}
	}
	w.apply(program("p", `
segmentBy: {namespaceLabel: team}
segmentsFrom: Population
population: {query: {objects: {apiVersion: v1, kind: Namespace, labelSelector: {matchLabels: {case: NAMESPACE}}}}}
metrics:
- name: done
  dimension: Reach
  rate: {active: {objects: {apiVersion: v1, kind: Namespace, labelSelector: {matchLabels: {case: NAMESPACE, done: "yes"}}}}}`),
		phaseOf("ph", `targets: [{metric: done, atLeast: "100%"}]`))
	w.eventually("two are said to be in no segment", func() bool {
		status := w.program("p")
		return status.Population != nil && status.Population.Unmatched == "2" && strings.Contains(status.Summary, "2 of the population are in no segment")
	}, func() any { return w.program("p") })
	w.neverAchieved("ph")
	report.add("16 namespaces without a team", w.program("p").Summary+" | phase: "+w.phase("ph").Summary)
}

// database starts a PostgreSQL with tables of services and teams.
func (w *world) database(services string) (source string) {
	w.Helper()
	server, err := databasetest.StartPostgreSQL()
	if err != nil {
		w.Fatalf("a PostgreSQL is needed: %v", err)
	}
	w.Cleanup(server.Remove)
	if _, err := server.Execute(w.Context(), `CREATE TABLE teams (name text, services int);
		INSERT INTO teams VALUES ('cart', 4), ('media', 4);
		CREATE TABLE services (team char(12), adopted boolean);
		INSERT INTO services VALUES `+services+`;
		CREATE USER reader PASSWORD 'reader'; GRANT SELECT ON teams, services TO reader`); err != nil {
		w.Fatal(err)
	}
	w.secret("db", map[string]string{"username": "reader", "password": "reader"})
	return object("UsageSource", "db", fmt.Sprintf(`
type: SQL
sql: {engine: PostgreSQL, host: 127.0.0.1, port: %d, database: %s, tlsMode: Disabled}
auth: {basic: {secretRef: {name: db}}}
allowPlaintext: true
adHoc: Allowed
segmentNames: Any
interval: 1s`, server.Port, databasetest.Database))
}

// ofServices are a rate that should rise and a ratio that should fall, of services.
func ofServices() string {
	const (
		active = `{sql: {statement: "SELECT team AS segment, count(*) AS value FROM services WHERE adopted GROUP BY team"}}`
		teams  = `{sql: {statement: "SELECT name AS segment, services AS value FROM teams"}}`
	)
	return program("p", `
sourceRef: {name: db}
population: {query: `+teams+`}
segments: [{name: cart}, {name: media}]
metrics:
- {name: adopted, dimension: Reach, rate: {active: `+active+`}}
- {name: old-way, dimension: RouteShare, direction: Decrease, ratio: {numerator: `+active+`, denominator: `+teams+`}}`) +
		phaseOf("ph", `targets: [{metric: adopted, atLeast: "50%", scope: Each}]`) +
		phaseOf("old-way-gone", `targets: [{metric: old-way, atMost: "0%", scope: Each}]`+"\nhold: {for: 2s}")
}

// duckdb/duckdb-postgres#68, brianc/node-postgres#1738: char(n) comes padded.
func TestPaddedNamesAreThoseOfTheirSegments(t *testing.T) {
	w := begin(t)
	w.apply(w.database(`('cart', true), ('cart', true), ('cart', true), ('media', true), ('media', true), ('media', false)`), ofServices())
	w.value("p", "adopted", "62.5%")
	w.achieved("ph")
	w.neverAchieved("old-way-gone")
	report.add("17 names of a char(12)", w.phase("ph").Summary)
}

// wireservice/csvkit#191, riatelab/magrit#155: rows without a partner vanish from a join.
func TestNamesThatMatchNothingAreNoZero(t *testing.T) {
	w := begin(t)
	w.apply(w.database(`('team-cart', true), ('team-cart', true), ('team-media', true)`), ofServices())
	said := w.unknown("p", "old-way", "has no row for segment", "rows of nobody", "team-cart")
	w.unknown("p", "adopted", "rows of nobody")
	w.neverAchieved("ph", "old-way-gone")
	if m := w.metric("p", "adopted"); m.Unmatched != "3" || !slices.Contains(m.UnmatchedNames, "team-cart") {
		t.Errorf("unmatched are %q: %q", m.Unmatched, m.UnmatchedNames)
	}
	report.add("17 names that match nothing", said)
}

// microsoft/CopilotStudioSamples#73: old rows of something that was renamed broke the report.
func TestRowsOfATeamThatLeftExpireNothing(t *testing.T) {
	w := begin(t)
	w.enter(map[string]string{
		"satisfied": csv(daysAgo(150)+",search,40%", "cart,80%", "media,90%"),
		"services":  csv("cart,10", "media,10"),
	})
	w.apply(program("p", `
segments: [{name: cart}, {name: media}]
population: {query: `+entered("services")+`}
metrics:
- {name: satisfied, dimension: Satisfaction, format: Percent, query: `+entered("satisfied")+`}`),
		phaseOf("ph", `targets: [{metric: satisfied, atLeast: "70%", scope: Each}]`))
	w.value("p", "satisfied", "85%")
	w.achieved("ph")
	report.add("20 an old row of a team that left", w.phase("ph").Summary)
}

// microsoft/CopilotStudioSamples#73: one row that cannot be read is its segment's alone.
func TestABadRowIsItsSegmentsAlone(t *testing.T) {
	w := begin(t)
	w.enter(map[string]string{"satisfied": csv("cart,80%", "media,n/a")})
	w.apply(program("p", `
segments: [{name: cart}, {name: media}]
metrics:
- {name: satisfied, dimension: Satisfaction, format: Percent, query: `+entered("satisfied")+`}`),
		phaseOf("cart-only", "segments: [cart]\n"+`targets: [{metric: satisfied, atLeast: "70%", scope: Each}]`),
		phaseOf("both", `targets: [{metric: satisfied, atLeast: "70%", scope: Each}]`))
	w.achieved("cart-only")
	said := w.failing("p", "line 3", "media")
	w.neverAchieved("both")
	report.add("20 one bad row", said+" | phase: "+w.phase("both").Summary)
}

// hackaburg/tilt#137, apache/superset#14061: means were added up.
func TestScoresAreNotAddedUp(t *testing.T) {
	w := begin(t)
	w.enter(map[string]string{"score": csv("cart,2.1", "media,1.8", "search,2.4")})
	w.apply(program("p", `
segments: [{name: cart}, {name: media}, {name: search}]
metrics:
- {name: nobody-said, dimension: Satisfaction, query: `+entered("score")+`}
- {name: mean, dimension: Satisfaction, aggregation: Mean, query: `+entered("score")+`}`),
		phaseOf("ph", `targets: [{metric: nobody-said, atLeast: "4"}]`),
		phaseOf("of-mean", `targets: [{metric: mean, atLeast: "4"}]`))
	w.value("p", "mean", "2.1")
	said := w.unknown("p", "nobody-said", "numbers are not added up", "set aggregation to Mean")
	w.neverAchieved("ph", "of-mean")
	report.add("32 scores", "mean "+w.metric("p", "mean").Value+"; otherwise: "+said)
}

// backstage/backstage#25828, #12897: names as systems have them.
func TestSegmentsAreNamedAsSystemsNameThem(t *testing.T) {
	w := begin(t)
	w.enter(map[string]string{
		"eligible": csv("Human Resources,10", "R&D,20", "group:default/platform,5"),
		"active":   csv("Human Resources,9", "R&D,2", "group:default/platform,3"),
	})
	w.apply(program("p", `
segmentsFrom: Population
population: {query: `+entered("eligible")+`}
segments:
- {name: "group:default/platform", mode: OptIn, exemptions: [{count: 2, reason: on leave, approvedBy: CIO}]}
metrics:
- {name: active, dimension: Reach, rate: {active: `+entered("active")+`}}`),
		phaseOf("pilot", "segments: [Human Resources]\n"+`targets: [{metric: active, atLeast: "80%"}]`),
		phaseOf("catalogue", `targets: [{metric: active, atLeast: "100%", segments: ["group:default/platform"]}]`),
		phaseOf("all", `targets: [{metric: active, atLeast: "80%", scope: Each}]`),
		object("Barrier", "no-licences", "programRef: {name: p}\nsummary: There are no licences left\ncategory: Resources\nowner: IT\nsegments: [\"R&D\"]"))
	w.achieved("pilot")
	w.achieved("catalogue")
	said := w.summarised("all", "R&D").Summary
	w.neverAchieved("all")
	report.add("34 names with spaces", said)
}

// kubernetes/kubernetes#52436, runwhen-contrib/runwhen-local#227, k8ssandra/cass-operator#943.
func TestWhatIsBeingDeletedCountsUntilItHasGone(t *testing.T) {
	w := begin(t)
	goes := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "goes", Labels: map[string]string{"case": w.namespace}, Finalizers: []string{"example.com/never-removed"}}}
	lives := goes.DeepCopy()
	lives.Name, lives.Finalizers = "lives", nil
	for _, o := range []client.Object{goes, lives} {
		if err := people.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if err := people.Delete(t.Context(), goes); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		goes.Finalizers = nil
		if err := people.Patch(context.WithoutCancel(t.Context()), goes, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
			t.Error(err)
		}
	})
	const things = `{name: NAME, dimension: RouteShare, direction: Decrease, query: {objects: {apiVersion: v1, kind: ConfigMap, labelSelector: {matchLabels: {case: NAMESPACE}}WHERE}}}`
	w.apply(program("p", "metrics:\n- "+strings.NewReplacer("NAMESPACE", w.namespace, "NAME", "all", "WHERE", "").Replace(things)+
		"\n- "+strings.NewReplacer("NAMESPACE", w.namespace, "NAME", "staying", "WHERE", `, where: "!has(object.metadata.deletionTimestamp)"`).Replace(things)))
	w.value("p", "all", "2")
	w.value("p", "staying", "1")
	report.add("27 what is being deleted", "counts 2, and 1 with where, as docs/sources.md says")
}
