// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// share is how many such objects in one would still be within the budget that the API
// server has for the rules of a definition: each rule, and all of them, take less than
// a tenth of it. Where bounds are missing in the schema its estimate is beyond all.
const share = 10

// TestTheRulesTakeATenthOfTheBudget asks the API server itself: it multiplies the cost of
// a rule by the number of items that it may be evaluated for.
func TestTheRulesTakeATenthOfTheBudget(t *testing.T) {
	c := administrator(t, plane)
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			definition := several(t, k)
			if err := c.Create(t.Context(), definition, client.DryRunAll); err != nil {
				t.Errorf("the rules take more than a tenth of the budget: %v", err)
			}
		})
	}
	t.Run("the test notices", func(t *testing.T) {
		definition := several(t, program)
		version := definition.Object["spec"].(map[string]any)["versions"].([]any)[0].(map[string]any)
		if err := unstructured.SetNestedField(version, int64(1000*share), "schema", "openAPIV3Schema", "properties", "spec", "maxItems"); err != nil {
			t.Fatal(err)
		}
		if err := c.Create(t.Context(), definition, client.DryRunAll); err == nil {
			t.Error("ten thousand such objects are within the budget, so nothing is known")
		}
	})
}

// several is the definition of objects that have several specs of a kind.
func several(t *testing.T, k kind) *unstructured.Unstructured {
	t.Helper()
	names := map[string]any{"kind": k.name + "Several", "plural": k.plural + "several", "singular": k.plural + "several1", "listKind": k.name + "SeveralList"}
	schema := schemaOf(t, k)
	properties := schema["properties"].(map[string]any)
	properties["spec"] = map[string]any{"type": "array", "maxItems": int64(share), "items": properties["spec"]}
	delete(properties, "status")
	withoutTransitions(schema)
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": k.plural + "several.example.com"},
		"spec": map[string]any{
			"group": "example.com", "scope": "Namespaced", "names": names,
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": schema},
			}},
		},
	}}
}

// withoutTransitions takes out rules that compare with what was: items of a list have
// no past, and such rules are few and short.
func withoutTransitions(node any) {
	switch node := node.(type) {
	case map[string]any:
		if rules, ok := node["x-kubernetes-validations"].([]any); ok {
			node["x-kubernetes-validations"] = slices.DeleteFunc(rules, func(rule any) bool {
				text, _ := rule.(map[string]any)["rule"].(string)
				return strings.Contains(text, "oldSelf")
			})
		}
		for _, child := range node {
			withoutTransitions(child)
		}
	case []any:
		for _, child := range node {
			withoutTransitions(child)
		}
	}
}
