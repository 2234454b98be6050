// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// crd reads a CustomResourceDefinition from its file.
func crd(t *testing.T, k kind) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(crdFolder, "uptake.dev_"+k.plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &object.Object); err != nil {
		t.Fatal(err)
	}
	return object
}

func schemaOf(t *testing.T, k kind) map[string]any {
	t.Helper()
	versions, _, _ := unstructured.NestedSlice(crd(t, k).Object, "spec", "versions")
	if len(versions) != 1 {
		t.Fatalf("%s has %d versions", k.name, len(versions))
	}
	schema, ok, _ := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema")
	if !ok {
		t.Fatalf("%s has no schema", k.name)
	}
	return schema
}

// Client-side apply keeps the whole object in an annotation of at most 256 KiB.
func TestACRDFitsIntoAnAnnotation(t *testing.T) {
	for _, k := range kinds {
		text, err := json.Marshal(crd(t, k).Object)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 200_000 {
			t.Errorf("%s: %d bytes are more than 200 KB", k.name, len(text))
		}
	}
}

// get reads a path of the API server, in a content type.
func get(t *testing.T, path, accept string, into any) {
	t.Helper()
	c, err := rest.HTTPClientFor(plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(plane.Config.Host, "/")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestKindsHaveShortNamesAndACategory(t *testing.T) {
	var list metav1.APIResourceList
	get(t, "/apis/"+v1alpha1.GroupVersion.String(), "application/json", &list)
	shortNames := map[string]string{
		"adoptionprograms": "ap", "phases": "ph", "barriers": "br", "usagesources": "us", "clusterusagesources": "cus",
	}
	for _, k := range kinds {
		i := slices.IndexFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == k.plural })
		if i < 0 {
			t.Errorf("%s is not served", k.plural)
			continue
		}
		r := list.APIResources[i]
		if want := []string{shortNames[k.plural]}; !slices.Equal(r.ShortNames, want) {
			t.Errorf("%s: short names %v, not %v", k.plural, r.ShortNames, want)
		}
		if !slices.Equal(r.Categories, []string{"uptake"}) {
			t.Errorf("%s: categories %v", k.plural, r.Categories)
		}
		if r.Namespaced != k.namespaced() || r.Kind != k.name || r.SingularName != strings.ToLower(k.name) {
			t.Errorf("%s: kind %s, singular %s, namespaced %v", k.plural, r.Kind, r.SingularName, r.Namespaced)
		}
	}
}

// Without it, clients take an object that the operator has not seen for finished.
func TestAFreshObjectSaysThatNobodyHasSeenIt(t *testing.T) {
	c := administrator(t, plane)
	namespace := newNamespace(t, c)
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			object := k.object(t, namespace, "fresh", "")
			// What people write into status is ignored, like everywhere in Kubernetes.
			object.Object["status"] = map[string]any{"observedGeneration": int64(7)}
			if err := c.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Delete(t.Context(), object) }()
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
				t.Fatal(err)
			}
			status, _, _ := unstructured.NestedMap(object.Object, "status")
			if observed, ok := status["observedGeneration"].(int64); !ok || observed != -1 || len(status) != 1 {
				t.Errorf("status of a fresh object is %v, not observedGeneration -1 alone", status)
			}
		})
	}
}

func TestSpecAndStatusAreWrittenApart(t *testing.T) {
	c := administrator(t, plane)
	namespace := newNamespace(t, c)
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			object := k.create(t, c, namespace, "apart", "")
			defer func() { _ = c.Delete(t.Context(), object) }()
			spec := object.DeepCopy().Object["spec"]

			object.Object["status"] = map[string]any{"observedGeneration": int64(1)}
			object.Object["spec"].(map[string]any)["suspend"] = true
			if err := c.Status().Update(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			if object.GetGeneration() != 1 {
				t.Errorf("a status write made generation %d", object.GetGeneration())
			}
			if got, _ := json.Marshal(object.Object["spec"]); string(got) != string(mustJSON(t, spec)) {
				t.Errorf("a status write changed the spec to %s", got)
			}

			object.SetLabels(map[string]string{"written": "by-people"})
			object.Object["status"] = map[string]any{"observedGeneration": int64(99)}
			if err := c.Update(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			observed, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
			if observed != 1 || object.GetGeneration() != 1 {
				t.Errorf("a write of labels left observedGeneration %d and generation %d", observed, object.GetGeneration())
			}
		})
	}
}

func mustJSON(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestDefaultsAreWrittenIntoTheSpec(t *testing.T) {
	c := administrator(t, plane)
	namespace := newNamespace(t, c)
	for _, test := range []struct {
		of     kind
		fields string
		want   map[string]string
	}{
		{program, "accountability: {programOwner: platform}", map[string]string{
			"timeZone": "UTC", "interval": "5m", "serviceAccountName": "default", "segmentsFrom": "Declared",
		}},
		{phase, "gates: [{name: sign-off}]", map[string]string{"reporting": "Alert"}},
		{barrier, "", map[string]string{"severity": "Minor"}},
		{source, "", map[string]string{"interval": "5m", "timeout": "10s", "adHoc": "Denied", "segmentNames": "Declared"}},
		{clusterSource, "", map[string]string{"interval": "5m", "timeout": "10s", "adHoc": "Denied"}},
	} {
		t.Run(test.of.name, func(t *testing.T) {
			object := test.of.object(t, namespace, "defaults", test.fields)
			if err := c.Create(t.Context(), object, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			for field, want := range test.want {
				if got, _, _ := unstructured.NestedString(object.Object, "spec", field); got != want {
					t.Errorf("spec.%s is %q by default, not %q", field, got, want)
				}
			}
		})
	}
}

// Whoever applies a list sends all of it, because nobody but the server knows its
// keys: a default inside a list would look like a difference for ever, to kubectl
// as to Argo CD. Such defaults are the operator's, and said in the description.
func TestNoListOfASpecHasDefaults(t *testing.T) {
	for _, k := range kinds {
		spec, _, _ := unstructured.NestedMap(schemaOf(t, k), "properties", "spec")
		for _, path := range defaultsInLists(spec, "spec", false) {
			t.Errorf("%s: %s has a default, and is in a list", k.name, path)
		}
	}
}

func defaultsInLists(schema map[string]any, path string, inList bool) []string {
	var found []string
	if _, ok := schema["default"]; ok && inList {
		found = append(found, path)
	}
	properties, _, _ := unstructured.NestedMap(schema, "properties")
	for name, property := range properties {
		found = append(found, defaultsInLists(property.(map[string]any), path+"."+name, inList)...)
	}
	if items, ok, _ := unstructured.NestedMap(schema, "items"); ok {
		found = append(found, defaultsInLists(items, path+"[]", true)...)
	}
	slices.Sort(found)
	return found
}

func TestPhasesAndBarriersAreSelectedByTheirProgram(t *testing.T) {
	c := administrator(t, plane)
	namespace := newNamespace(t, c)
	for _, k := range []kind{phase, barrier} {
		k.create(t, c, namespace, "mine", "")
		k.create(t, c, namespace, "theirs", "programRef: {name: another}")
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion(v1alpha1.GroupVersion.String())
		list.SetKind(k.name + "List")
		err := c.List(t.Context(), list, client.InNamespace(namespace), client.MatchingFields{"spec.programRef.name": "telemetry"})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) != 1 || list.Items[0].GetName() != "mine" {
			t.Errorf("%s: %d objects of the program, not the one", k.name, len(list.Items))
		}
	}
}

// What kubectl get and Lens show, with a value in every column.
func TestColumns(t *testing.T) {
	c := administrator(t, plane)
	namespace := newNamespace(t, c)
	now := metav1.NewTime(time.Now())
	conditions := []metav1.Condition{
		{Type: "OnTrack", Status: "False", Reason: "BelowTarget", LastTransitionTime: now},
		{Type: "Ready", Status: "True", Reason: "Measuring", LastTransitionTime: now},
	}
	sourceColumns := []string{"Name", "Type", "Ready", "Reason", "Consumers", "Age"}
	consumers := int32(3)
	sourceStatus := v1alpha1.SourceStatus{Consumers: &consumers, Conditions: conditions, AnsweredAt: &now, NextTryAt: &now}
	for _, test := range []struct {
		of           kind
		fields       string
		status       any
		columns      []string
		wide         []string
		values       []any
		valuesOfWide []any
	}{
		{
			program, "accountability: {executiveSponsor: CIO office}",
			v1alpha1.AdoptionProgramStatus{
				Adoption: "41.3%", Current: "pilot", Progress: "2/5", Health: "OnTrack", State: "Active", Trend: "Up",
				Summary: "Needs 80% migrated.", Barriers: &v1alpha1.BarrierCounts{Open: 2}, Conditions: conditions, MeasuredAt: &now,
			},
			[]string{"Name", "Adoption", "Current", "Progress", "Health", "Barriers", "Ready", "Age"},
			[]string{"State", "Trend", "Measured", "Sponsor", "Summary"},
			[]any{"shown", "41.3%", "pilot", "2/5", "OnTrack", float64(2), "True"},
			[]any{"Active", "Up", now.UTC().Format(time.RFC3339), "CIO office", "Needs 80% migrated."},
		},
		{
			phase, "",
			v1alpha1.PhaseStatus{
				State: v1alpha1.PhaseActive, Met: "1/2", Value: "41.3%", Needs: ">= 80%", Due: "2027-03-31", Health: "OnTrack",
				Since: &now, WaitsFor: "barrier dns", Summary: "Needs 80% migrated.", MeasuredAt: &now, Order: "02", Conditions: conditions,
			},
			[]string{"Name", "Order", "Program", "State", "Targets", "Value", "Needs", "Due", "Health", "Ready", "Age"},
			[]string{"Since", "Measured", "Waits For", "Summary"},
			[]any{"shown", "02", "telemetry", "Active", "1/2", "41.3%", ">= 80%", "2027-03-31", "OnTrack", "True"},
			[]any{now.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339), "barrier dns", "Needs 80% migrated."},
		},
		{
			barrier, `{severity: Blocking, owner: CIO office, dueBy: "2027-01-29"}`,
			v1alpha1.BarrierStatus{State: v1alpha1.BarrierOpen, Opened: "2026-12-09", Summary: "Open: it is slow.", Blocks: "wave-1", Conditions: conditions},
			[]string{"Name", "Program", "Category", "Severity", "State", "Owner", "Due", "Opened", "Ready", "Age"},
			[]string{"Summary", "Blocks"},
			[]any{"shown", "telemetry", "Technical", "Blocking", "Open", "CIO office", "2027-01-29", "2026-12-09", "True"},
			[]any{"Open: it is slow.", "wave-1"},
		},
		{source, "", sourceStatus, sourceColumns, []string{"Answered", "Next Try"}, []any{"shown", "Prometheus", "True", "Measuring", float64(3)}, []any{now.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)}},
		{clusterSource, "", sourceStatus, sourceColumns, []string{"Answered", "Next Try"}, []any{"shown", "Prometheus", "True", "Measuring", float64(3)}, []any{now.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)}},
	} {
		t.Run(test.of.name, func(t *testing.T) {
			object := test.of.create(t, c, namespace, "shown", test.fields)
			defer func() { _ = c.Delete(t.Context(), object) }()
			var status map[string]any
			if err := json.Unmarshal(mustJSON(t, test.status), &status); err != nil {
				t.Fatal(err)
			}
			object.Object["status"] = status
			if err := c.Status().Update(t.Context(), object); err != nil {
				t.Fatal(err)
			}

			path := "/apis/" + v1alpha1.GroupVersion.String() + "/"
			if test.of.namespaced() {
				path += "namespaces/" + namespace + "/"
			}
			var table metav1.Table
			get(t, path+test.of.plural+"/shown", "application/json;as=Table;v=v1;g=meta.k8s.io", &table)
			checkColumns(t, &table, 0, test.columns, append(test.values, nil))
			checkColumns(t, &table, 1, test.wide, test.valuesOfWide)
			if last := table.ColumnDefinitions[len(table.ColumnDefinitions)-1]; last.Name != "Age" {
				t.Errorf("the last column is %s, not Age", last.Name)
			}
		})
	}
}

// checkColumns compares the columns of a priority: 0 is always shown, 1 is wide.
func checkColumns(t *testing.T, table *metav1.Table, priority int32, names []string, values []any) {
	t.Helper()
	if len(table.Rows) != 1 {
		t.Fatalf("%d rows", len(table.Rows))
	}
	var shown []string
	var cells []any
	for i, column := range table.ColumnDefinitions {
		if column.Priority == priority {
			shown = append(shown, column.Name)
			cells = append(cells, table.Rows[0].Cells[i])
		}
	}
	if !slices.Equal(shown, names) {
		t.Fatalf("columns %q, not %q", shown, names)
	}
	for i, want := range values {
		if want != nil && cells[i] != want {
			t.Errorf("column %s shows %v, not %v", shown[i], cells[i], want)
		}
		if cells[i] == nil || cells[i] == "" {
			t.Errorf("column %s is empty", shown[i])
		}
	}
}
