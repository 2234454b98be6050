// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/test/internal/argocdtest"
)

const (
	pageFile = "../../docs/clients.md"
	begin    = "<!-- begin: go test ./test/clients -update -->"
	end      = "<!-- end -->"
)

// page compares the tables of the page with what the clients have shown, or writes
// them anew.
func page(t *testing.T, rows []*row) {
	t.Helper()
	text, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, is := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !is || !closed {
		t.Fatalf("%s has no place for the tables", pageFile)
	}
	want := before + begin + "\n" + tables(rows) + end + after
	switch {
	case want == string(text):
	case *update:
		if err := os.WriteFile(pageFile, []byte(want), 0o644); err != nil { //nolint:gosec // documentation
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not show what the clients show; write it with: go test ./test/clients -update\n%s", pageFile, tables(rows))
	}
}

func tables(rows []*row) string {
	var b strings.Builder
	kind := ""
	for _, r := range rows {
		if r.kind != kind {
			kind = r.kind
			fmt.Fprintf(&b, "\n### %s\n\n", kind)
			b.WriteString("| state | `kubectl get` | `kubectl wait` for Ready | Flux (kstatus) | Argo CD | `helm --wait` | Lens, list | Lens, badges |\n")
			b.WriteString("|---|---|---|---|---|---|---|---|\n")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.name, r.kubectl, r.wait, r.kstatus, r.argo, r.helm, r.lensColumns, or(r.lensBadges, "none"))
	}
	b.WriteString("\n")
	return b.String()
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// record keeps what was shown beside Argo CD's scripts, in the form of its own tests.
func record(t *testing.T, rows []*row) {
	t.Helper()
	type health struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	type test struct {
		HealthStatus health `json:"healthStatus"`
		InputPath    string `json:"inputPath"`
	}
	tests := map[string][]test{}
	for _, kind := range kindsInOrder {
		if err := os.RemoveAll(filepath.Join(argocdtest.Folder(), kind, "testdata")); err != nil {
			t.Fatal(err)
		}
	}
	write := func(file string, content any) {
		text, err := yaml.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // examples
			t.Fatal(err)
		}
	}
	for _, r := range rows {
		input := "testdata/" + strings.NewReplacer(", ", "_", " ", "_").Replace(strings.ToLower(r.name)) + ".yaml"
		plain := r.shown.DeepCopy()
		for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "namespace", "annotations", "labels"} {
			unstructured.RemoveNestedField(plain.Object, "metadata", field)
		}
		write(filepath.Join(argocdtest.Folder(), r.kind, input), plain.Object)
		tests[r.kind] = append(tests[r.kind], test{health{r.argo, r.message}, input})
	}
	for kind, list := range tests {
		write(filepath.Join(argocdtest.Folder(), kind, "health_test.yaml"), map[string]any{"tests": list})
	}
}
