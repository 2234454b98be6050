// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/prometheustest"
)

const sharedSource = `
apiVersion: uptake.dev/v1alpha1
kind: ClusterUsageSource
metadata: {name: SOURCE}
spec:
  type: Prometheus
  prometheus: {url: "http://ADDRESS"}
  interval: 2s
  adHoc: Allowed
  allowedNamespaces: {from: All}
  queries: [{name: users, prometheus: {expr: users}}]
`

const sharedProgram = `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: NAME}
spec:
  objective: Everybody uses it
  sourceRef: {kind: ClusterUsageSource, name: SOURCE}
  metrics:
  - {name: users, dimension: Reach, query: QUERY}
`

// TestTwoHundredProgramsWithOneQueryCostOneRequest counts at the Prometheus.
func TestTwoHundredProgramsWithOneQueryCostOneRequest(t *testing.T) {
	shareOperator(t)
	const programs, intervals = 200, 6
	data := startExporter(t)
	data.set("users", 41)
	server := startPrometheus(t, prometheustest.Options{Target: data.address})
	source := newNamespace(t) // a name that nobody else has
	text := strings.NewReplacer("SOURCE", source, "ADDRESS", server.Address)
	cluster := parse(t, "", text.Replace(sharedSource))[0]
	create(t, cluster)
	deleteAfter(t, cluster)
	namespaces := []string{newNamespace(t), newNamespace(t), newNamespace(t), newNamespace(t)}
	for i := range programs {
		// Half of them write what the others use by name.
		query := []string{"{named: {name: users}}", "{prometheus: {expr: users}}"}[i/4%2]
		name := strings.NewReplacer("NAME", fmt.Sprintf("program-%d", i), "QUERY", query)
		apply(t, namespaces[i%4], name.Replace(text.Replace(sharedProgram)))
	}
	see := func(value string) int {
		seen := 0
		for _, ns := range namespaces {
			var list v1alpha1.AdoptionProgramList
			if err := people.List(t.Context(), &list, client.InNamespace(ns)); err != nil {
				t.Fatal(err)
			}
			for i := range list.Items {
				if list.Items[i].Status.Adoption == value {
					seen++
				}
			}
		}
		return seen
	}
	eventually(t, patience, "every program sees 41", func() bool {
		time.Sleep(500 * time.Millisecond)
		return see("41") == programs
	}, func() string { return fmt.Sprintf("%d do", see("41")) })

	before, began := countRequests(t, server), time.Now()
	time.Sleep(intervals * 2 * time.Second) // what is counted is time
	requests, passed := countRequests(t, server)-before, time.Since(began)
	most := int(passed/(2*time.Second)) + 1
	t.Logf("%d requests in %s by %d programs", requests, passed.Round(time.Millisecond), programs)
	if requests > most || requests < intervals-2 {
		t.Errorf("%d requests in %s: there should be one each 2s", requests, passed)
	}
	eventually(t, patience, "the source counts them", func() bool {
		var s v1alpha1.ClusterUsageSource
		if err := people.Get(t.Context(), client.ObjectKeyFromObject(cluster), &s); err != nil {
			t.Fatal(err)
		}
		return s.Status.Consumers != nil && *s.Status.Consumers == programs && *s.Status.Queries == 1
	}, func() string {
		var s v1alpha1.ClusterUsageSource
		_ = people.Get(t.Context(), client.ObjectKeyFromObject(cluster), &s)
		return asJSON(s.Status)
	})
}
