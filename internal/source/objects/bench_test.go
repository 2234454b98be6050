// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// BenchmarkCount counts 10,000 objects in 500 namespaces, which happens at most
// once a poll, and only when something has changed.
func BenchmarkCount(b *testing.B) {
	shown := view{resource: Resource{Kind: "Route", Namespaced: true}, objects: newStore(nil, nil), namespaces: newStore(nil, nil)}
	for i := range 500 {
		name := objectName{name: fmt.Sprintf("ns-%d", i)}
		shown.namespaces.objects[name] = &object{objectName: name, labels: map[string]string{"team": fmt.Sprint(i % 50)}}
	}
	for i := range 10_000 {
		name := objectName{fmt.Sprintf("ns-%d", i%500), fmt.Sprintf("o-%d", i)}
		shown.objects.objects[name] = &object{
			objectName: name,
			labels:     map[string]string{"app": "web"},
			content:    map[string]any{"spec": map[string]any{"replicas": int64(i / 50 % 5)}},
		}
	}
	for name, spec := range map[string]v1alpha1.ObjectsQuery{
		"plain": {APIVersion: "v1", Kind: "Pod"},
		"where": {APIVersion: "v1", Kind: "Pod", Where: "has(object.spec.replicas) && object.spec.replicas > 2"},
	} {
		b.Run(name, func(b *testing.B) {
			q, failure := parse(spec, &v1alpha1.SegmentBy{NamespaceLabel: "team"})
			if failure != nil {
				b.Fatal(failure)
			}
			for b.Loop() {
				if rows, failure := q.count(b.Context(), shown); failure != nil || len(rows) != 50 {
					b.Fatalf("%v, %v", rows, failure)
				}
			}
		})
	}
}
