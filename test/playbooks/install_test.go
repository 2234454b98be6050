// SPDX-License-Identifier: Apache-2.0

package playbooks

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
)

const choices = " with choices"

// cases are the values of each program alone, with the least that is required and with
// all that its story chooses, and of all programs together.
func cases(t *testing.T) map[string]values {
	t.Helper()
	found := map[string]values{"all": everything(t)}
	for _, name := range programs(t) {
		s := readStory(t, name)
		found[name] = s.Required
		found[name+choices] = merged(s.Required, s.Chosen)
	}
	return found
}

// The API server takes what is rendered, with every field known to it, and a second
// upgrade changes nothing.
func TestInstallAndUpgrade(t *testing.T) {
	c := people
	strict := client.WithFieldValidation(c, metav1.FieldValidationStrict)
	for name, given := range cases(t) {
		if strings.HasSuffix(name, choices) {
			continue // these are installed where their stories are played
		}
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t, c)
			objects := rendered(t, given, namespace)
			for _, object := range objects {
				if namespaced, err := c.IsObjectNamespaced(object); err != nil {
					t.Fatal(err)
				} else if namespaced {
					object.SetNamespace(namespace)
				}
				if err := strict.Create(t.Context(), object.DeepCopy(), client.DryRunAll); err != nil {
					t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
				}
			}
			mustHelm(t, given, "install", "adoption", chart, "--namespace", namespace)
			before := stored(t, c, objects)
			wantSpecsKept(t, objects, before)
			out := mustHelm(t, given, "upgrade", "adoption", chart, "--namespace", namespace)
			if !strings.Contains(out, "kubectl get uptake -n "+namespace) {
				t.Errorf("the notes do not say where to look:\n%s", out)
			}
			for i, after := range stored(t, c, objects) {
				if !reflect.DeepEqual(content(after), content(before[i])) {
					t.Errorf("%s %s is changed by an upgrade:\n%v\n%v", after.GetKind(), after.GetName(), before[i], after)
				}
			}
		})
	}
}

// content of an object, its generation included, without the marks of having been written.
func content(object *unstructured.Unstructured) map[string]any {
	bare := object.DeepCopy()
	bare.SetResourceVersion("")
	bare.SetManagedFields(nil)
	return bare.Object
}

var onlySpaces = regexp.MustCompile(`(?m)^ +$`)

// Rendering the same values twice gives the same text, without the traces of templates.
func TestRenderingIsRepeatable(t *testing.T) {
	first := mustHelm(t, everything(t), "template", "adoption", chart)
	if second := mustHelm(t, everything(t), "template", "adoption", chart); first != second {
		t.Error("it renders differently the second time")
	}
	if lines := onlySpaces.FindAllStringIndex(first, -1); len(lines) > 0 {
		t.Errorf("%d lines have nothing but spaces", len(lines))
	}
}

// stored is what the API server holds.
func stored(t *testing.T, c client.Client, objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	t.Helper()
	found := make([]*unstructured.Unstructured, len(objects))
	for i, object := range objects {
		found[i] = &unstructured.Unstructured{}
		found[i].SetGroupVersionKind(object.GroupVersionKind())
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(object), found[i]); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// wantSpecsKept has nothing rewritten: what the server holds says what was written, and
// defaults besides.
func wantSpecsKept(t *testing.T, written, held []*unstructured.Unstructured) {
	t.Helper()
	for i, object := range written {
		if field := rewritten(object.Object["spec"], held[i].Object["spec"]); field != "" {
			t.Errorf("%s %s: the server rewrites spec%s", object.GetKind(), object.GetName(), field)
		}
	}
}

// rewritten is the path of the first field that is not held as it was written.
func rewritten(written, held any) string {
	switch w := written.(type) {
	case map[string]any:
		h, same := held.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(w)) {
			if !same {
				return ""
			}
			if field := rewritten(w[key], h[key]); field != "" {
				return "." + key + field
			}
		}
		return ""
	case []any:
		h, same := held.([]any)
		if !same || len(h) != len(w) {
			return "[]"
		}
		for i := range w {
			if field := rewritten(w[i], h[i]); field != "" {
				return "[]" + field
			}
		}
		return ""
	}
	if fmt.Sprint(written) != fmt.Sprint(held) { // a number is decoded in different types
		return " "
	}
	return ""
}

// Two releases live beside each other in two namespaces.
func TestTwoReleases(t *testing.T) {
	c := people
	s := readStory(t, programs(t)[0])
	for range 2 {
		mustHelm(t, s.Required, "install", "adoption", chart, "--namespace", newNamespace(t, c))
	}
}

// Everything is called after its program, so that programs do not meet.
func TestNamesBeginWithTheProgram(t *testing.T) {
	for _, object := range rendered(t, everything(t), "somewhere") {
		if kind := object.GetKind(); kind == "Phase" || kind == "Barrier" || kind == "ConfigMap" {
			belongs := func(name string) bool { return strings.HasPrefix(object.GetName(), name+"-") }
			if !slices.ContainsFunc(programs(t), belongs) {
				t.Errorf("%s %s is named after no program", kind, object.GetName())
			}
		}
	}
}

// programsOf are the typed programs among what is rendered.
func programsOf(t *testing.T, objects []*unstructured.Unstructured) []*v1alpha1.AdoptionProgram {
	t.Helper()
	return typed[v1alpha1.AdoptionProgram](t, objects, "AdoptionProgram")
}

func typed[T any](t *testing.T, objects []*unstructured.Unstructured, kind string) []*T {
	t.Helper()
	var found []*T
	for _, object := range objects {
		if object.GetKind() != kind {
			continue
		}
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		into := new(T)
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			t.Fatal(err)
		}
		found = append(found, into)
	}
	return found
}

// counted are the resources that programs count in this cluster.
func counted(programs []*v1alpha1.AdoptionProgram) map[schema.GroupResource]bool {
	found := map[schema.GroupResource]bool{}
	for _, program := range programs {
		for _, use := range adoption.Queries(program) {
			if use.Query.Objects != nil && !adoption.IsExternal(use.Query) {
				resource, _ := meta.UnsafeGuessKindToResource(schema.FromAPIVersionAndKind(use.Query.Objects.APIVersion, use.Query.Objects.Kind))
				found[resource.GroupResource()] = true
			}
		}
	}
	return found
}

// resourcesOf are those that rules allow, with exactly these verbs.
func resourcesOf(t *testing.T, rules []rbacv1.PolicyRule, verbs ...string) map[schema.GroupResource]bool {
	t.Helper()
	found := map[schema.GroupResource]bool{}
	for _, rule := range rules {
		if !slices.Equal(rule.Verbs, verbs) {
			t.Errorf("%v allows %v", rule.Resources, rule.Verbs)
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				found[schema.GroupResource{Group: group, Resource: resource}] = true
			}
		}
	}
	return found
}

// The account may list what its programs count in this cluster, and nothing else; and
// whatever the operator does not watch by itself is added to its inventory.
func TestRightsAreThoseThatAreNeeded(t *testing.T) {
	own := operatorWatches(t)
	for name, given := range cases(t) {
		t.Run(name, func(t *testing.T) {
			objects := rendered(t, given, "somewhere")
			needed := counted(programsOf(t, objects))
			listed, watched := map[schema.GroupResource]bool{}, maps.Clone(own)
			for _, role := range typed[rbacv1.ClusterRole](t, objects, "ClusterRole") {
				if role.Labels["uptake.dev/aggregate-to-inventory"] == "true" {
					maps.Copy(watched, resourcesOf(t, role.Rules, "list", "watch"))
					continue
				}
				maps.Copy(listed, resourcesOf(t, role.Rules, "list"))
			}
			if !maps.Equal(listed, needed) {
				t.Errorf("it may list %v, and needs %v", listed, needed)
			}
			for resource := range needed {
				if !watched[resource] {
					t.Errorf("the operator does not watch %s", resource)
				}
			}
			for _, program := range programsOf(t, objects) {
				accounts := typed[metav1.PartialObjectMetadata](t, withoutMore(objects), "ServiceAccount")
				if len(accounts) != 1 || accounts[0].Name != string(program.Spec.ServiceAccountName) {
					t.Errorf("%s counts as %s, of %d accounts", program.Name, program.Spec.ServiceAccountName, len(accounts))
				}
			}
		})
	}
}

// withoutMore leaves nothing but metadata.
func withoutMore(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	bare := make([]*unstructured.Unstructured, len(objects))
	for i, o := range objects {
		bare[i] = &unstructured.Unstructured{Object: map[string]any{"apiVersion": o.GetAPIVersion(), "kind": o.GetKind(), "metadata": o.Object["metadata"]}}
	}
	return bare
}

// operatorWatches is what the operator's manifests let it watch.
func operatorWatches(t *testing.T) map[schema.GroupResource]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(rbacFile))
	if err != nil {
		t.Fatal(err)
	}
	found := map[schema.GroupResource]bool{}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal([]byte(document), &role); err != nil {
			t.Fatal(err)
		}
		if role.Kind == "ClusterRole" {
			maps.Copy(found, resourcesOf(t, role.Rules, "list", "watch"))
		}
	}
	if len(found) == 0 {
		t.Fatal("the operator watches nothing")
	}
	return found
}

// Sources that exist are used, and none is made beside them.
func TestSourcesThatExistAreUsed(t *testing.T) {
	labels := values{"fleet": "production"}
	given := merged(everything(t), values{"sources": values{}})
	sources := values{}
	for name, settings := range defaults(t)["sources"].(values) {
		sources[name] = values{"kind": "ClusterUsageSource", "name": "shared-" + strings.ToLower(name)}
		if _, several := settings.(values)["matchLabels"]; several {
			sources[name] = values{"kind": "ClusterUsageSource", "matchLabels": labels}
		}
	}
	given["sources"] = sources
	objects := rendered(t, given, "somewhere")
	if made := typed[v1alpha1.UsageSource](t, objects, "UsageSource"); len(made) > 0 {
		t.Errorf("%d sources are made", len(made))
	}
	for _, program := range programsOf(t, objects) {
		for _, use := range adoption.Queries(program) {
			if !adoption.IsExternal(use.Query) {
				continue
			}
			ref := adoption.EffectiveSource(program, use.Query)
			switch selector := use.Query.SourceSelector; {
			case selector != nil && selector.Kind == v1alpha1.SourceKindCluster && selector.Selector.MatchLabels["fleet"] == "production":
			case ref != nil && ref.Kind == v1alpha1.SourceKindCluster && strings.HasPrefix(string(ref.Name), "shared-"):
			default:
				t.Errorf("%s: %s asks %v %v", program.Name, use.Path, ref, selector)
			}
		}
	}
}
