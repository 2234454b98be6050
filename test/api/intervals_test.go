// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func TestAnIntervalThatIsTooShortIsRefused(t *testing.T) {
	_, admin := withPolicies(t)
	namespace := newNamespace(t, admin)
	program := func(name, interval string) *unstructured.Unstructured {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(strings.NewReplacer("NAME", name, "INTERVAL", interval).Replace(`
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: NAME}
spec:
  objective: x
  interval: INTERVAL
  metrics: [{name: m, dimension: Reach, query: {configMap: {name: a, key: b}}}]
`)), &o.Object); err != nil {
			t.Fatal(err)
		}
		o.SetNamespace(namespace)
		return o
	}
	for _, interval := range []string{"1s", "9s", "09s", "9s999ms", "500ms", `"0"`} {
		err := admin.Create(t.Context(), program("short", interval))
		if err == nil || !strings.Contains(err.Error(), "write 10s or more") {
			t.Errorf("%s: %v", interval, err)
		}
	}
	for i, interval := range []string{"10s", "1m", "1m5s", "99s", "1d", "2w", "10000ms"} {
		if err := admin.Create(t.Context(), program(string(rune('a'+i)), interval)); err != nil {
			t.Errorf("%s: %v", interval, err)
		}
	}
	changed := program("a", "10s")
	if err := admin.Patch(t.Context(), changed, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"interval":"2s"}}`))); err == nil {
		t.Error("an interval is made too short")
	}
}
