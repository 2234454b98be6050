// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/controlplane/controlplanetest"
	"github.com/uptake-dev/uptake/internal/manifest"
)

// People install CRDs with kubectl apply, tools with server-side apply. Neither
// may find a difference where there is none.
func TestCRDsApplyTwiceWithoutADifference(t *testing.T) {
	run := kubectl(t, controlplanetest.Start(t, controlplane.Options{}))
	wantLines(t, run("apply", "-f", crdFolder), len(kinds), " created")
	wantLines(t, run("apply", "-f", crdFolder), len(kinds), " unchanged")
	run("delete", "-f", crdFolder)

	run("apply", "--server-side", "-f", crdFolder)
	versions := func() string {
		return run("get", "crd", "-o", `jsonpath={range .items[*]}{.metadata.name} {.metadata.generation} {.spec}{"\n"}{end}`)
	}
	before := versions()
	if count := strings.Count(before, "\n"); count != len(kinds) {
		t.Fatalf("%d CRDs, not %d", count, len(kinds))
	}
	run("apply", "--server-side", "-f", crdFolder)
	if after := versions(); after != before {
		t.Errorf("the second server-side apply changed\n%s\nto\n%s", before, after)
	}
}

// wantLines checks that kubectl said the same of every object.
func wantLines(t *testing.T, output string, count int, ending string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if len(lines) != count {
		t.Errorf("%d objects, not %d:\n%s", len(lines), count, output)
	}
	for _, line := range lines {
		if !strings.HasSuffix(line, ending) {
			t.Errorf("not%s: %s", ending, line)
		}
	}
}

// documents reads the objects of a file of YAML.
func documents(t *testing.T, text []byte) []*unstructured.Unstructured {
	t.Helper()
	objects, err := manifest.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func samples(t *testing.T) map[string][]*unstructured.Unstructured {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(configFolder, "samples", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	found := map[string][]*unstructured.Unstructured{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[file] = documents(t, text)
	}
	return found
}

// A sample is copied as it is: it applies with one command, and applying it again
// changes nothing, so that GitOps tools see it in sync.
func TestSamplesApplyAsTheyAre(t *testing.T) {
	c := administrator(t, plane)
	for file, objects := range samples(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			run := kubectl(t, plane, placeFor(t, c, objects)...)
			wantLines(t, run("apply", "--validate=strict", "-f", file), len(objects), " created")
			wantLines(t, run("apply", "--validate=strict", "-f", file), len(objects), " unchanged")
			run("diff", "-f", file)
			run("delete", "--wait=false", "-f", file)
		})
	}
}

// placeFor is a namespace of their own for objects that name none.
func placeFor(t *testing.T, c client.Client, objects []*unstructured.Unstructured) []string {
	t.Helper()
	if slices.ContainsFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetNamespace() != "" }) {
		return nil
	}
	return []string{"--namespace", newNamespace(t, c)}
}

// Names that the schema cannot check are right in the samples.
func TestSamplesNameWhatExists(t *testing.T) {
	for file, objects := range samples(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			named := map[string]bool{}
			for _, o := range objects {
				if o.GetKind() != "Namespace" && !strings.HasPrefix(o.GetKind(), "ClusterRole") && o.GetNamespace() != objects[1].GetNamespace() {
					t.Errorf("%s %s is in another namespace than the rest", o.GetKind(), o.GetName())
				}
				named[o.GetKind()+" "+o.GetName()] = true
				metrics, _, _ := unstructured.NestedSlice(o.Object, "spec", "metrics")
				for _, m := range metrics {
					named["metric "+m.(map[string]any)["name"].(string)] = true
				}
				for key := range nestedStrings(o, "data") {
					named["key "+o.GetName()+"/"+key] = true
				}
			}
			for _, o := range objects {
				for _, reference := range references(o.Object, "") {
					if !named[reference] {
						t.Errorf("%s %s names the %s, which is not in the file", o.GetKind(), o.GetName(), reference)
					}
				}
			}
		})
	}
}

func nestedStrings(o *unstructured.Unstructured, field string) map[string]string {
	found, _, _ := unstructured.NestedStringMap(o.Object, field)
	return found
}

// references lists what an object of the API names, as "Kind name".
func references(value any, field string) []string {
	var found []string
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			if name, ok := item.(string); ok && (field == "phases" || field == "dependsOn") {
				found = append(found, "Phase "+name)
			}
			found = append(found, references(item, field)...)
		}
	case map[string]any:
		name, _ := value["name"].(string)
		switch field {
		case "programRef":
			found = append(found, "AdoptionProgram "+name)
		case "sourceRef":
			found = append(found, "UsageSource "+name)
		case "configMap":
			found = append(found, "ConfigMap "+name, "key "+name+"/"+value["key"].(string))
		}
		for member, child := range value {
			switch member {
			case "metric", "headlineMetric":
				found = append(found, "metric "+child.(string))
			case "serviceAccountName":
				found = append(found, "ServiceAccount "+child.(string))
			default:
				found = append(found, references(child, member)...)
			}
		}
	}
	slices.Sort(found)
	return found
}

// What only the operator can check is right as well: it has nothing to say against
// the spec of any object of a sample.
func TestSamplesCanWork(t *testing.T) {
	c := administrator(t, plane)
	for file, objects := range samples(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			namespace := newNamespace(t, c)
			snapshot := adoption.Snapshot{}
			for _, o := range objects {
				o.SetNamespace(namespace)
				into := map[string]client.Object{
					"AdoptionProgram": &v1alpha1.AdoptionProgram{}, "Phase": &v1alpha1.Phase{}, "Barrier": &v1alpha1.Barrier{},
				}[o.GetKind()]
				if into == nil {
					continue
				}
				if err := c.Create(t.Context(), o); err != nil {
					t.Fatal(err)
				}
				if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), into); err != nil {
					t.Fatal(err)
				}
				switch into := into.(type) {
				case *v1alpha1.AdoptionProgram:
					snapshot.Program, snapshot.ProgramName = into, into.Name
				case *v1alpha1.Phase:
					snapshot.Phases = append(snapshot.Phases, into)
				case *v1alpha1.Barrier:
					snapshot.Barriers = append(snapshot.Barriers, into)
				}
			}
			outcome := adoption.Step(snapshot, time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC))
			wantReady(t, outcome.Program.Program.Name, outcome.Program.Status.Conditions)
			for _, phase := range outcome.Phases {
				wantReady(t, phase.Phase.Name, phase.Status.Conditions)
			}
			for _, barrier := range outcome.Barriers {
				wantReady(t, barrier.Barrier.Name, barrier.Status.Conditions)
			}
		})
	}
}

func wantReady(t *testing.T, name string, conditions []metav1.Condition) {
	t.Helper()
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	waits := ready != nil && ready.Reason == v1alpha1.ReasonAwaitingData // nothing is measured here
	if ready == nil || ready.Status != metav1.ConditionTrue && !waits {
		t.Errorf("%s cannot work: %v", name, ready)
	}
}

// A program counts objects with the rights of its service account: those that a
// sample brings are enough.
func TestSamplesBringTheRightsThatTheyNeed(t *testing.T) {
	c := administrator(t, plane)
	for file, objects := range samples(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, o := range objects {
				if strings.HasPrefix(o.GetKind(), "ClusterRole") {
					if err := c.Create(t.Context(), o); err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = c.Delete(context.WithoutCancel(t.Context()), o) })
				}
			}
			for _, o := range objects {
				account, _, _ := unstructured.NestedString(o.Object, "spec", "serviceAccountName")
				for _, counted := range countedKinds(o.Object["spec"]) {
					if user := "system:serviceaccount:" + o.GetNamespace() + ":" + account; !soonMay(t, c, user, "list "+counted) {
						t.Errorf("%s may not list %s", user, counted)
					}
				}
			}
		})
	}
}

// countedKinds lists the resources of all objects queries, as RBAC names them.
func countedKinds(value any) []string {
	var found []string
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			found = append(found, countedKinds(item)...)
		}
	case map[string]any:
		kind, isQuery := value["kind"].(string)
		version, _ := value["apiVersion"].(string)
		if isQuery && version != "" {
			resource := strings.ToLower(kind) + "s"
			if kind == "Ingress" {
				resource = "ingresses"
			}
			if group, _, ok := strings.Cut(version, "/"); ok {
				resource += "." + group
			}
			found = append(found, resource)
		}
		for _, child := range value {
			found = append(found, countedKinds(child)...)
		}
	}
	return found
}

// What is installed: applied, applied again, and looked at.
func TestTheOperatorInstalls(t *testing.T) {
	p := controlplanetest.Start(t, controlplane.Options{})
	run := kubectl(t, p)
	folder := filepath.Join(configFolder, "default")
	objects := documents(t, []byte(run("kustomize", folder)))
	run("apply", "-k", folder)
	// Not "unchanged": kubectl always sends the selector of a PodDisruptionBudget.
	run("diff", "-k", folder)

	t.Run("its pods keep to the restricted standard", func(t *testing.T) {
		i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "Deployment" })
		if i < 0 {
			t.Fatal("no Deployment")
		}
		deployment := objects[i]
		labels := run("get", "namespace", deployment.GetNamespace(), "-o", "jsonpath={.metadata.labels}")
		if !strings.Contains(labels, `"pod-security.kubernetes.io/enforce":"restricted"`) {
			t.Errorf("the namespace does not enforce the restricted standard: %s", labels)
		}
		template, _, _ := unstructured.NestedMap(deployment.Object, "spec", "template")
		text, err := json.Marshal(template)
		if err != nil {
			t.Fatal(err)
		}
		pod := &corev1.Pod{}
		if err := json.Unmarshal(text, pod); err != nil {
			t.Fatal(err)
		}
		pod.Name, pod.Namespace = "uptake", deployment.GetNamespace()
		if err := administrator(t, p).Create(t.Context(), pod); err != nil {
			t.Errorf("refused: %v", err)
		}
	})

	t.Run("its account may do what it needs and no more", func(t *testing.T) {
		c := administrator(t, p)
		user := "system:serviceaccount:uptake-system:uptake-operator"
		for _, needed := range []string{
			"watch adoptionprograms.uptake.dev",
			"update phases.uptake.dev/status",
			"update clusterusagesources.uptake.dev/status",
			"create barriers.uptake.dev",
			"create events",
			"create subjectaccessreviews.authorization.k8s.io",
			"get configmaps",
			"watch namespaces",
			"create leases.coordination.k8s.io in uptake-system",
			"update leases.coordination.k8s.io called uptake-operator in uptake-system",
		} {
			if !soonMay(t, c, user, needed) {
				t.Errorf("the operator may not %s", needed)
			}
		}
		for _, denied := range []string{
			"update phases.uptake.dev",
			"update barriers.uptake.dev",
			"delete barriers.uptake.dev",
			"update usagesources.uptake.dev",
			"update leases.coordination.k8s.io called another in uptake-system",
			"create leases.coordination.k8s.io in default",
			"get secrets in uptake-system",
			"list secrets",
			"list configmaps",
			"create pods",
		} {
			if may(t, c, user, denied) {
				t.Errorf("the operator may %s", denied)
			}
		}
	})
}

// soonMay asks until the API server has noticed a new binding.
func soonMay(t *testing.T, c client.Client, user, right string) bool {
	t.Helper()
	for range 50 {
		if may(t, c, user, right) {
			return true
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false
}

// may asks whether a user has a right, such as "update phases.uptake.dev/status",
// in all namespaces unless one is named: "get secrets called token in default".
func may(t *testing.T, c client.Client, user, right string) bool {
	t.Helper()
	asked := &authorizationv1.ResourceAttributes{}
	right, asked.Namespace, _ = strings.Cut(right, " in ")
	right, asked.Name, _ = strings.Cut(right, " called ")
	asked.Verb, right, _ = strings.Cut(right, " ")
	right, asked.Subresource, _ = strings.Cut(right, "/")
	asked.Resource, asked.Group, _ = strings.Cut(right, ".")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, Groups: []string{"system:serviceaccounts", "system:authenticated"}, ResourceAttributes: asked,
	}}
	if err := c.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}
