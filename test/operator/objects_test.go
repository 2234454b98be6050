// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// program is a program that counts the Services of its own namespace, of ten.
const program = `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: services}
spec:
  objective: Ten services
  accountability: {executiveSponsor: CIO, programOwner: platform}
  interval: 1s
  population: {count: 10}
  metrics:
  - name: adopted
    dimension: Reach
    rate:
      active:
        objects:
          apiVersion: v1
          kind: Service
          namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
`

func splitYAML(text []byte) [][]byte { return bytes.Split(text, []byte("\n---")) }

// apply creates every object of a text in a namespace.
func apply(t testing.TB, namespace, text string) {
	t.Helper()
	for _, o := range parse(t, namespace, text) {
		create(t, o)
	}
}

func create(t testing.TB, o client.Object) {
	t.Helper()
	if err := people.Create(t.Context(), o); err != nil {
		t.Fatalf("%s %s: %v", o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), err)
	}
}

// parse reads the objects of a text.
func parse(t testing.TB, namespace, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for _, document := range splitYAML([]byte(strings.ReplaceAll(text, "NAMESPACE", namespace))) {
		o := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &o.Object); err != nil {
			t.Fatal(err)
		}
		if len(o.Object) == 0 {
			continue
		}
		o.SetNamespace(namespace)
		objects = append(objects, o)
	}
	return objects
}

// services brings the number of Services of a namespace to n.
func services(t testing.TB, namespace string, n int) {
	t.Helper()
	ctx := t.Context()
	for i := range 12 {
		s := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("service-%02d", i)},
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.com"},
		}
		var err error
		if i < n {
			err = client.IgnoreAlreadyExists(people.Create(ctx, s))
		} else {
			err = client.IgnoreNotFound(people.Delete(ctx, s))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// change edits an object as people do, with a merge patch.
func change(t testing.TB, o client.Object, namespace, name, patch string) {
	t.Helper()
	o.SetNamespace(namespace)
	o.SetName(name)
	if err := people.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		t.Fatal(err)
	}
}

func phase(t testing.TB, namespace, name string) v1alpha1.Phase {
	t.Helper()
	var p v1alpha1.Phase
	if err := people.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: name}, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func theProgram(t testing.TB, namespace, name string) v1alpha1.AdoptionProgram {
	t.Helper()
	var p v1alpha1.AdoptionProgram
	if err := people.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: name}, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func barrier(t testing.TB, namespace, name string) v1alpha1.Barrier {
	t.Helper()
	var b v1alpha1.Barrier
	if err := client.IgnoreNotFound(people.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: name}, &b)); err != nil {
		t.Fatal(err)
	}
	return b
}

// condition is "True/Reason: message"; empty when the condition is absent.
func condition(list []metav1.Condition, kind string) string {
	for _, c := range list {
		if c.Type == kind {
			return fmt.Sprintf("%s/%s: %s", c.Status, c.Reason, c.Message)
		}
	}
	return ""
}

func asJSON(o any) string {
	text, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}
