// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/test/internal/paralleltest"
)

const manySegments = `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: shops}
spec:
  objective: Every shop uses it
  interval: 5s
  segmentsFrom: Population
  population: {query: {configMap: {name: eligible, key: csv}}}
  metrics:
  - {name: using, dimension: Reach, rate: {active: {configMap: {name: active, key: csv}}}}
  - {name: keen, dimension: Depth, rate: {active: {configMap: {name: keen, key: csv}}}}
MORE---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: everywhere}
spec:
  programRef: {name: shops}
  targets:
  - {metric: using, atLeast: "80%", scope: Each}
  - {metric: keen, atLeast: "1%", segmentShare: "90%"}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: half}
spec:
  programRef: {name: shops}
  targets: [{metric: using, atLeast: "50%"}]
`

// storedSize is how large an object's status is on the server.
func storedSize(t testing.TB, status any) int {
	t.Helper()
	text, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}

// TestFiveThousandSegmentsFitIntoAStatus has the longest names that a segment may
// have, and tells those that are behind.
func TestFiveThousandSegmentsFitIntoAStatus(t *testing.T) {
	one := shareOperator(t)
	namespace := newNamespace(t)
	const segments = 5000
	name := func(i int) string { return fmt.Sprintf("shop-%04d-%s", i, strings.Repeat("x", 53)) }
	tables := map[string]*strings.Builder{"eligible": {}, "active": {}, "keen": {}}
	for _, table := range tables {
		table.WriteString("date,segment,value\n")
	}
	today := time.Now().UTC().Format(time.DateOnly)
	for i := range segments {
		using := 10 // all of them; but the last twelve shops have 0 to 5
		if i >= segments-12 {
			using = (i - (segments - 12)) / 2
		}
		fmt.Fprintf(tables["eligible"], "%s,%s,10\n", today, name(i))
		fmt.Fprintf(tables["active"], "%s,%s,%d\n", today, name(i), using)
		fmt.Fprintf(tables["keen"], "%s,%s,%d\n", today, name(i), i%2)
	}
	for key, table := range tables { // together they are larger than an object may be
		if err := people.Create(t.Context(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: key}, Data: map[string]string{"csv": table.String()},
		}); err != nil {
			t.Fatal(err)
		}
	}
	var more strings.Builder // as many metrics as there may be
	for i := 2; i < 24; i++ {
		fmt.Fprintf(&more, "  - {name: metric-%d, dimension: Depth, rate: {active: {configMap: {name: keen, key: csv}}}}\n", i)
	}
	apply(t, namespace, strings.Replace(manySegments, "MORE", more.String(), 1))
	achieved(t, namespace, "half")
	eventually(t, patience, "the phase is judged", func() bool {
		p, of := phase(t, namespace, "everywhere"), theProgram(t, namespace, "shops")
		return of.Status.Population != nil && of.Status.Adoption != "" && p.Status.State == v1alpha1.PhaseActive && len(p.Status.Targets) == 2 && p.Status.Targets[0].Value == "4988/5000"
	}, func() string { return asJSON(phase(t, namespace, "everywhere").Status) })

	everywhere, shops := phase(t, namespace, "everywhere"), theProgram(t, namespace, "shops")
	for what, size := range map[string]int{"the program": storedSize(t, shops.Status), "the phase": storedSize(t, everywhere.Status)} {
		t.Logf("the status of %s has %d bytes", what, size)
		if size > 100_000 {
			t.Errorf("the status of %s has %d bytes", what, size)
		}
	}
	if n := shops.Status.Population.Segments; n != segments {
		t.Errorf("there are %d segments, not %d", n, segments)
	}
	laggards := shops.Status.Metrics[0].Laggards
	if len(laggards) != 10 || laggards[0].Name != name(segments-12) || laggards[0].Numbers != "0/10" {
		t.Errorf("the laggards should be ten, those without any first: %s", asJSON(laggards))
	}
	missing := everywhere.Status.Targets[0].Missing
	if len(missing) != 10 || missing[0].Name != name(segments-12) {
		t.Errorf("those that miss the target should be ten, the furthest behind first: %s", asJSON(missing))
	}
	if keen := everywhere.Status.Targets[1]; keen.Value != "2500/5000" || keen.Met != metav1.ConditionFalse {
		t.Errorf("half of the segments are keen: %s", asJSON(keen))
	}
	if !strings.Contains(everywhere.Status.Summary, "80% using in each of 5000 segments, has 4988") {
		t.Errorf("the summary does not count: %s", everywhere.Status.Summary)
	}
	if about := one.errorsAbout(namespace); len(about) > 0 {
		t.Errorf("errors were logged: %s", strings.Join(about, "\n"))
	}
}

const teamsProgram = `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: teams}
spec:
  objective: Every team has a Service
  interval: 1s
  segmentBy: {namespaceLabel: team}
  segmentsFrom: Population
  population: {query: {objects: {apiVersion: v1, kind: Namespace, namespaceSelector: {matchLabels: {of: NAMESPACE}}}}}
  metrics:
  - name: migrated
    dimension: Reach
    rate: {active: {objects: {apiVersion: v1, kind: Service, count: Namespaces, namespaceSelector: {matchLabels: {of: NAMESPACE}}}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: each}
spec:
  programRef: {name: teams}
  targets: [{metric: migrated, atLeast: "100%", scope: Each}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: third}
spec:
  programRef: {name: teams}
  targets: [{metric: migrated, atLeast: "100%", segmentShare: "33%"}]
`

// TestTwentyOfSixtyTeams counts teams from the labels of their namespaces alone.
func TestTwentyOfSixtyTeams(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	const teams, migrated = 60, 20
	of := func(i int) string { return fmt.Sprintf("%s-team-%02d", namespace, i) }
	paralleltest.Do(t, teams, func(i int) error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: of(i), Labels: map[string]string{"of": namespace, "team": fmt.Sprintf("team-%02d", i)},
		}}
		if err := people.Create(t.Context(), ns); err != nil || i >= migrated {
			return err
		}
		return people.Create(t.Context(), &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "web"},
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.com"},
		})
	})
	apply(t, namespace, teamsProgram)
	value := func() string {
		p := phase(t, namespace, "each")
		if len(p.Status.Targets) == 0 {
			return ""
		}
		return p.Status.Targets[0].Value
	}
	eventually(t, patience, "20 of 60 teams", func() bool { return value() == "20/60" }, value)
	achieved(t, namespace, "third")
	program := theProgram(t, namespace, "teams")
	if program.Status.Adoption != "33.3%" || program.Status.Population.Segments != teams || program.Status.Population.Eligible != "60" {
		t.Errorf("the program counts something else: %s", asJSON(program.Status))
	}
	// A team that comes needs no edit either, and a team that migrates counts.
	for i := migrated; i < teams; i++ {
		if err := client.IgnoreAlreadyExists(people.Create(t.Context(), &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: of(i), Name: "web"},
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.com"},
		})); err != nil {
			t.Fatal(err)
		}
	}
	achieved(t, namespace, "each")
}
