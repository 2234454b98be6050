// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

func TestTheChartLints(t *testing.T) {
	for name, file := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			output := helm(t, "lint", "--strict", "--values", file, chart)
			if strings.Contains(output, "[WARNING]") || strings.Contains(output, "[ERROR]") {
				t.Error(output)
			}
		})
	}
}

// The API server's own schemas know every field of every object, and the API
// server itself would take them all.
func TestWhatIsRenderedIsValid(t *testing.T) {
	location := schemas(t)
	for _, namespace := range []string{home, "team-cart", "team-ads"} {
		makeNamespace(t, namespace)
	}
	conforms := func(text string) outcome {
		return start(t, text, os.Getenv("UPTAKE_KUBECONFORM"), "-strict", "-summary", "-schema-location", location)
	}
	for name, file := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			text := helm(t, "template", release, chart, "--namespace", home, "--values", file)
			judged := conforms(text)
			if judged.err != nil || !strings.Contains(judged.out, "Errors: 0, Skipped: 0") {
				t.Errorf("%v\n%s%s", judged.err, judged.out, judged.problems)
			}
			applied := kubectl(t, text, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-")
			if said, objects := strings.Count(applied, "serverside-applied"), len(documents(t, text)); said != objects {
				t.Errorf("the API server would take %d of %d objects:\n%s", said, objects, applied)
			}
		})
	}
	t.Run("a field that does not exist is noticed", func(t *testing.T) {
		if judged := conforms("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {port: [{port: 1}]}\n"); judged.err == nil {
			t.Error("kubeconform takes anything:", judged.out)
		}
		if judged := conforms("apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: x}\nspec: {endpoint: []}\n"); judged.err == nil {
			t.Error("kubeconform takes anything of other groups:", judged.out)
		}
	})
}

// The API server judges pods and only warns of a Deployment whose pods it will
// refuse: a Pod is made of each template.
func TestPodsKeepToTheRestrictedStandard(t *testing.T) {
	makeNamespace(t, home)
	for name, file := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			if err := people.Create(t.Context(), thePod(t, render(t, home, "--values", file)), client.DryRunAll); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
	t.Run("root is refused", func(t *testing.T) {
		pod := thePod(t, render(t, home))
		root := int64(0)
		pod.Spec.Containers[0].SecurityContext.RunAsUser = &root
		if err := people.Create(t.Context(), pod, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "PodSecurity") {
			t.Errorf("nothing is enforced here: %v", err)
		}
	})
}

// thePod is a pod as the Deployment would make it.
func thePod(t *testing.T, objects []*unstructured.Unstructured) *corev1.Pod {
	t.Helper()
	template := nested[map[string]any](t, theOnly(t, objects, "Deployment"), "spec", "template")
	pod := &corev1.Pod{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(template, pod); err != nil {
		t.Fatal(err)
	}
	pod.Name, pod.Namespace = "operator", home
	return pod
}

// What an object names is there, under the name that the release gives it.
func TestObjectsFindEachOther(t *testing.T) {
	for name, file := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			objects := render(t, home, "--values", file)
			deployment := theOnly(t, objects, "Deployment")
			account := nested[string](t, deployment, "spec", "template", "spec", "serviceAccountName")
			names := identities(objects)
			for _, binding := range ofKind(objects, "RoleBinding", "ClusterRoleBinding") {
				subjects := nested[[]any](t, binding, "subjects")
				want := map[string]any{"kind": "ServiceAccount", "name": account, "namespace": home}
				if len(subjects) != 1 || asJSON(t, subjects[0]) != asJSON(t, want) {
					t.Errorf("%s binds %v", identity(binding), subjects)
				}
				role := nested[string](t, binding, "roleRef", "kind")
				if role == "Role" {
					role += " " + binding.GetNamespace()
				}
				if role += " " + nested[string](t, binding, "roleRef", "name"); !slices.Contains(names, role) {
					t.Errorf("%s binds %s, which is not there", identity(binding), role)
				}
			}
			for _, binding := range ofKind(objects, "ValidatingAdmissionPolicyBinding") {
				if policy := nested[string](t, binding, "spec", "policyName"); !slices.Contains(names, "ValidatingAdmissionPolicy "+policy) {
					t.Errorf("%s binds %s, which is not there", identity(binding), policy)
				}
			}
			labels := asJSON(t, nested[map[string]any](t, deployment, "spec", "selector", "matchLabels"))
			for kind, at := range map[string][]string{
				"Service": {"spec", "selector"}, "PodDisruptionBudget": {"spec", "selector", "matchLabels"}, "NetworkPolicy": {"spec", "podSelector", "matchLabels"},
			} {
				for _, o := range ofKind(objects, kind) {
					if selects := asJSON(t, nested[map[string]any](t, o, at...)); selects != labels {
						t.Errorf("%s selects %s, and the Deployment %s", identity(o), selects, labels)
					}
				}
			}
		})
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Two releases share nothing but the definitions, which the second leaves out.
func TestReleasesDoNotGetInEachOthersWay(t *testing.T) {
	first := identities(render(t, home))
	second := documents(t, helm(t, "template", "second", chart, "--namespace", "other", "--set", "crds.install=false"))
	for _, name := range identities(second) {
		if slices.Contains(first, name) {
			t.Errorf("both have %s", name)
		}
	}
}

// A release may be called what a Service may not be.
func TestNamesOfReleases(t *testing.T) {
	for _, name := range []string{"uptake.v1", "team.platform", "a-name.that-is-cut.at-a-dot-in-the-middl.e"} {
		service := theOnly(t, documents(t, helm(t, "template", name, chart)), "Service")
		if problems := validation.IsDNS1035Label(service.GetName()); problems != nil {
			t.Errorf("the Service of %s is called %s: %v", name, service.GetName(), problems)
		}
	}
	if o := start(t, "", os.Getenv("UPTAKE_HELM"), "template", "2nd", chart); o.err == nil || !strings.Contains(o.problems, "set fullnameOverride") {
		t.Errorf("a Service cannot begin with a digit: %s", o.problems)
	}
}

// The notes name the image that is used, and say so where nobody can have it.
func TestTheNotesNameTheImage(t *testing.T) {
	const own = "No such image is published"
	var about struct{ AppVersion string }
	if err := yaml.Unmarshal([]byte(readFile(t, chart+"/Chart.yaml")), &about); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]struct {
		image string
		warns bool
	}{
		"replicas=1": {"uptake-dev/uptake:" + about.AppVersion, true},
		"image.repository=registry.example.com/uptake,image.tag=v0.0.9":                               {"registry.example.com/uptake:v0.0.9", false},
		"image.repository=registry.example.com/uptake,image.tag=null":                                 {"registry.example.com/uptake:" + about.AppVersion, false},
		"image.repository=registry.example.com/uptake,image.digest=sha256:" + strings.Repeat("0", 64): {"@sha256:000", false},
	} {
		_, notes, _ := strings.Cut(helm(t, "install", release, chart, "--dry-run=client", "--set", flag), "NOTES:")
		if !strings.Contains(notes, want.image) || strings.Contains(notes, own) != want.warns {
			t.Errorf("%s: %s", flag, notes)
		}
	}
}

// What a Deployment selects cannot be changed, so an upgrade may not try.
func TestTheSelectorOutlivesVersions(t *testing.T) {
	for _, key := range []string{"image.tag=v9", "nameOverride=another", "podLabels.app\\.kubernetes\\.io/name=another"} {
		deployment := theOnly(t, render(t, home, "--set", key), "Deployment")
		for _, at := range [][]string{{"spec", "selector", "matchLabels"}, {"spec", "template", "metadata", "labels"}} {
			want := map[string]any{"app.kubernetes.io/name": "uptake", "app.kubernetes.io/instance": release}
			if got := nested[map[string]any](t, deployment, at...); asJSON(t, got) != asJSON(t, want) {
				t.Errorf("%s: %v is %v", key, at, got)
			}
		}
	}
}

// No value is dead: leaving one out of those that set everything shows.
func TestEveryValueHasAnEffect(t *testing.T) {
	text, err := os.ReadFile(valueSets(t)["everything"])
	if err != nil {
		t.Fatal(err)
	}
	var values, defaults map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(readFile(t, chart+"/values.yaml")), &defaults); err != nil {
		t.Fatal(err)
	}
	// These are on by default, and are seen by what they turn off.
	for _, path := range [][]string{
		{"crds", "install"}, {"admission", "approvals"}, {"admission", "intervals"}, {"userRoles", "create"}, {"podDisruptionBudget", "enabled"}, {"serviceAccount", "create"}, {"networkPolicy", "enabled"},
	} {
		if err := unstructured.SetNestedField(values, false, path...); err != nil {
			t.Fatal(err)
		}
	}
	values["namespaces"] = []any{"team-cart"} // with them inventory.enabled is off
	rendered := func(t *testing.T, values map[string]any) string {
		return must(t, asJSON(t, values), os.Getenv("UPTAKE_HELM"), "template", release, chart, "--values", "-")
	}
	for _, path := range leaves(defaults, nil) {
		t.Run(strings.Join(path, "."), func(t *testing.T) {
			t.Parallel()
			var with, without map[string]any
			for _, copied := range []*map[string]any{&with, &without} {
				if err := json.Unmarshal([]byte(asJSON(t, values)), copied); err != nil {
					t.Fatal(err)
				}
			}
			dependencies(with, without, path)
			unstructured.RemoveNestedField(without, path...)
			if rendered(t, with) == rendered(t, without) {
				t.Errorf("with it and without it everything is the same: is it used, and in everything.yaml?")
			}
		})
	}
}

// dependencies turns on what a value is about.
func dependencies(with, without map[string]any, path []string) {
	for _, values := range []map[string]any{with, without} {
		for parent, on := range map[string]string{"admission": "approvals", "podDisruptionBudget": "enabled", "serviceAccount": "create", "networkPolicy": "enabled"} {
			if path[0] == parent && path[1] != on {
				_ = unstructured.SetNestedField(values, true, parent, on)
			}
		}
		if path[0] == "service" && path[1] == "enabled" { // what needs it is refused without it
			_ = unstructured.SetNestedField(values, false, "serviceMonitor", "enabled")
			_ = unstructured.SetNestedField(values, false, "prometheusRule", "enabled")
		}
		if path[0] == "nameOverride" { // the whole name is set, and wins
			delete(values, "fullnameOverride")
		}
	}
	if path[0] == "service" && path[1] == "enabled" {
		_ = unstructured.SetNestedField(with, false, path...)
	}
}

// leaves lists the values of a chart.
func leaves(values map[string]any, at []string) [][]string {
	var found [][]string
	for name, value := range values {
		path := append(slices.Clone(at), name)
		if child, is := value.(map[string]any); is && len(child) > 0 {
			found = append(found, leaves(child, path)...)
		} else {
			found = append(found, path)
		}
	}
	return found
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
