// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// schemas writes JSON schemas of every kind that the API server serves, for
// kubeconform, and returns where they are: fields that do not exist are refused.
func schemas(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	definitions := servedDefinitions(t)
	for name, definition := range definitions {
		kinds, err := json.Marshal(definition["x-kubernetes-group-version-kind"])
		if err != nil {
			t.Fatal(err)
		}
		var served []schema.GroupVersionKind
		if err := json.Unmarshal(kinds, &served); err != nil {
			t.Fatal(err)
		}
		if len(served) != 1 {
			continue // a part of objects, or options of all of them
		}
		text, err := json.Marshal(map[string]any{"$ref": "#/definitions/" + name, "definitions": reachable(definitions, name)})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, schemaFile(served[0])), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder + "/{{.ResourceKind}}{{.KindSuffix}}.json"
}

// schemaFile is the name that kubeconform looks for.
func schemaFile(kind schema.GroupVersionKind) string {
	group, _, _ := strings.Cut(kind.Group, ".")
	return strings.ToLower(strings.Join(slices.DeleteFunc([]string{kind.Kind, group, kind.Version}, func(s string) bool { return s == "" }), "-")) + ".json"
}

// servedDefinitions reads the definitions of the API server once it publishes those
// of the Prometheus Operator's kinds, which takes a moment.
func servedDefinitions(t *testing.T) map[string]map[string]any {
	t.Helper()
	api, err := discovery.NewDiscoveryClientForConfig(plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	for range 300 {
		text, err := api.RESTClient().Get().AbsPath("/openapi/v2").SetHeader("Accept", "application/json").Do(t.Context()).Raw()
		if err != nil {
			t.Fatal(err)
		}
		var document struct {
			Definitions map[string]map[string]any `json:"definitions"`
		}
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		found := document.Definitions
		if found["com.coreos.monitoring.v1.ServiceMonitor"] != nil && found["com.coreos.monitoring.v1.PrometheusRule"] != nil {
			for name, definition := range found {
				found[name] = strict(definition).(map[string]any)
			}
			return found
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the API server does not publish the kinds of the Prometheus Operator")
	return nil
}

// strict closes a schema: an object has the fields that are described, and no
// others. Quantities and counts may be numbers as well as texts.
func strict(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = strict(value[i])
		}
	case map[string]any:
		for name, child := range value {
			value[name] = strict(child)
		}
		_, described := value["properties"].(map[string]any)
		_, open := value["additionalProperties"]
		if described && !open && value["x-kubernetes-preserve-unknown-fields"] == nil {
			value["additionalProperties"] = false
		}
		format, _ := value["format"].(string)
		description, _ := value["description"].(string)
		if format == "int-or-string" || strings.HasPrefix(description, "Quantity is a fixed-point") {
			value["type"] = []any{"string", "number"}
		}
	}
	return value
}

// reachable is a definition with all that it refers to.
func reachable(definitions map[string]map[string]any, name string) map[string]any {
	found := map[string]any{}
	var visit func(value any)
	visit = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, child := range value {
				visit(child)
			}
		case map[string]any:
			if ref, is := value["$ref"].(string); is {
				target := strings.TrimPrefix(ref, "#/definitions/")
				if found[target] == nil {
					found[target] = definitions[target]
					visit(definitions[target])
				}
			}
			for child := range maps.Values(value) {
				visit(child)
			}
		}
	}
	found[name] = definitions[name]
	visit(definitions[name])
	return found
}
