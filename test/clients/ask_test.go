// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/uptake-dev/uptake/test/internal/argocdtest"
)

// ask asks all clients but Lens, which is asked once for all.
func ask(t *testing.T, r *row) {
	t.Helper()
	r.kubectl = askKubectl(t, r)
	wait := append([]string{"wait", "--for=condition=Ready", "--timeout=0"}, reference(r)...)
	switch _, _, err := kubectl(t, wait...); err {
	case nil:
		r.wait = "done"
	default:
		r.wait = "waits"
	}
	verdict, err := status.Compute(r.shown)
	if err != nil {
		t.Fatal(err)
	}
	r.kstatus = verdict.Status.String()
	health, err := argocdtest.HealthOf(r.shown)
	if err != nil {
		t.Fatal(err)
	}
	r.argo, r.message = health.Status, health.Message
	r.helm = askHelm(t, r)
}

func reference(r *row) []string {
	return []string{strings.ToLower(r.kind) + "/" + r.shown.GetName(), "--namespace=" + r.namespace}
}

// askKubectl reads the row that the server makes of the object. It checks that every
// column is there, and none is named twice.
func askKubectl(t *testing.T, r *row) string {
	t.Helper()
	path := fmt.Sprintf("/apis/uptake.dev/v1alpha1/namespaces/%s/%ss/%s", r.namespace, strings.ToLower(r.kind), r.shown.GetName())
	if r.kind == "ClusterUsageSource" {
		path = "/apis/uptake.dev/v1alpha1/clusterusagesources/" + r.shown.GetName()
	}
	table := serverTable(t, path)
	shown := map[string]string{}
	for i, column := range table.ColumnDefinitions {
		if _, twice := shown[column.Name]; twice {
			t.Errorf("%s has two columns %s", r.kind, column.Name)
		}
		shown[column.Name] = ""
		if value := table.Rows[0].Cells[i]; value != nil {
			shown[column.Name] = fmt.Sprint(value)
		}
	}
	return chosen(t, r.kind, func(name string) (string, bool) { value, is := shown[name]; return value, is })
}

// told are the columns of the page: those that tell states apart.
var told = map[string][]string{
	"AdoptionProgram": {"Health", "Ready"}, "Phase": {"State", "Health"}, "Barrier": {"State"},
	"UsageSource": {"Ready", "Reason"}, "ClusterUsageSource": {"Ready", "Reason"},
}

func chosen(t *testing.T, kind string, column func(string) (string, bool)) string {
	t.Helper()
	var parts []string
	for _, name := range told[kind] {
		value, is := column(name)
		if !is {
			t.Errorf("%s has no column %s", kind, name)
		}
		if value == "" {
			value = "–"
		}
		parts = append(parts, name+" "+value)
	}
	return strings.Join(parts, ", ")
}

// askHelm installs a chart that holds the object, as it is, and waits.
func askHelm(t *testing.T, r *row) string {
	t.Helper()
	chart := filepath.Join(t.TempDir(), "state")
	plain := r.shown.DeepCopy()
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "namespace"} {
		unstructured.RemoveNestedField(plain.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(plain.Object, "status")
	text, err := json.Marshal(plain.Object)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: state\nversion: 1.0.0\n", "templates/object.yaml": string(text),
	} {
		file := filepath.Join(chart, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said := ""
	for _, timeout := range []string{"4s", "15s", "60s"} { // longer, should the machine be too busy to look even once
		_, stderr, err := helm(t, "upgrade", "--install", "state", chart, "--namespace", r.namespace, "--take-ownership", "--wait", "--timeout", timeout)
		switch {
		case err == nil:
			return "done"
		case strings.Contains(stderr, "InProgress"):
			return "waits"
		case strings.Contains(stderr, "status: Failed"):
			return "waits (Failed)"
		}
		said = stderr
	}
	t.Errorf("helm says: %s", said)
	return ""
}

// lensShows is what lens.mjs writes for an object.
type lensShows struct {
	Columns []struct{ Title, Text string }
	Badges  []struct{ Label, Colour string }
}

// askLens shows every object with the code of Lens. Columns have to be those of
// kubectl, and no badge but Ready may be painted as an error.
func askLens(t *testing.T, rows []*row) {
	t.Helper()
	definitions := unstructured.UnstructuredList{}
	definitions.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinitionList"})
	if err := people.List(t.Context(), &definitions); err != nil {
		t.Fatal(err)
	}
	asked := map[string]any{"definitions": definitions.Items, "objects": nil}
	var objects []map[string]any
	for _, r := range rows {
		objects = append(objects, r.shown.Object)
	}
	asked["objects"] = objects
	text, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := call(t, string(text), "node", "lens.mjs")
	if err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	var shown []lensShows
	if err := json.Unmarshal([]byte(stdout), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown) != len(rows) {
		t.Fatalf("Lens shows %d of %d objects", len(shown), len(rows))
	}
	for i, r := range rows {
		r.lensColumns = chosen(t, r.kind, func(name string) (string, bool) {
			for _, column := range shown[i].Columns {
				if column.Title == name {
					return column.Text, true
				}
			}
			return "", false
		})
		var badges []string
		for _, badge := range shown[i].Badges {
			badges = append(badges, badge.Label+" "+badge.Colour)
		}
		slices.Sort(badges)
		r.lensBadges = strings.Join(badges, ", ")
		sameColumns(t, r, shown[i])
	}
}

// sameColumns compares all that Lens lists with the server's own row.
func sameColumns(t *testing.T, r *row, shown lensShows) {
	t.Helper()
	path := fmt.Sprintf("/apis/uptake.dev/v1alpha1/namespaces/%s/%ss", r.namespace, strings.ToLower(r.kind))
	if r.kind == "ClusterUsageSource" {
		path = "/apis/uptake.dev/v1alpha1/clusterusagesources"
	}
	table := serverTable(t, path)
	var headers []string
	for _, column := range table.ColumnDefinitions {
		if column.Priority == 0 && column.Name != "Name" && column.Name != "Age" {
			headers = append(headers, column.Name)
		}
	}
	var titles []string
	for _, column := range shown.Columns {
		titles = append(titles, column.Title)
	}
	if !slices.Equal(headers, titles) {
		t.Errorf("%s: Lens has the columns %v, kubectl %v", r.kind, titles, headers)
	}
}

// serverTable asks for what kubectl get prints.
func serverTable(t *testing.T, path string) metav1.Table {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(plane.Config.Host, "/")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	talking, err := rest.HTTPClientFor(plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := talking.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it has been read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(text, &table); err != nil || len(table.Rows) == 0 {
		t.Fatalf("%s: %v: %.300s", path, err, text)
	}
	return table
}
