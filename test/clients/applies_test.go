// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// applies is how often everything is applied: pipelines do it all day.
const applies = 20

// TestApplyingAgainChangesNothing applies every sample again and again, while the
// operator works with it: no difference, and no generation that moves.
func TestApplyingAgainChangesNothing(t *testing.T) {
	startOperator(t)
	samples, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil || len(samples) == 0 {
		t.Fatalf("there are no samples: %v", err)
	}
	for _, way := range []struct {
		name        string
		apply, diff []string
	}{
		{"on the client", []string{"apply"}, []string{"diff"}},
		{"on the server", []string{"apply", "--server-side"}, []string{"diff", "--server-side"}},
	} {
		t.Run(way.name, func(t *testing.T) {
			var files []string
			for _, sample := range samples {
				if way.name == "on the server" {
					sample = elsewhere(t, sample)
				}
				files = append(files, "--filename="+sample)
			}
			again := append(way.apply, files...)
			mustKubectl(t, again...)
			eventually(t, "the operator has seen all", func() bool { return seen(t, files) }, func() string { return generations(t, files) })
			before := generations(t, files)
			for range applies - 1 {
				for line := range strings.Lines(mustKubectl(t, again...)) {
					if way.name == "on the client" && !strings.HasSuffix(line, " unchanged\n") {
						t.Errorf("applied again: %s", line)
					}
				}
			}
			if stdout, stderr, err := kubectl(t, append(way.diff, files...)...); err != nil {
				t.Errorf("kubectl diff: %v\n%s%s", err, stdout, stderr)
			}
			if after := generations(t, files); after != before {
				t.Errorf("generations moved from\n%s\nto\n%s", before, after)
			}
		})
	}
}

// TestAnInstallationAppliedAgainChangesNothing is the same for what config installs.
func TestAnInstallationAppliedAgainChangesNothing(t *testing.T) {
	for _, way := range [][]string{{"apply", "--server-side", "--force-conflicts"}, {"diff", "--server-side"}} {
		if stdout, stderr, err := kubectl(t, append(way, "-k", "../../config/default")...); err != nil {
			t.Errorf("%s: %v\n%s%s", way[0], err, stdout, stderr)
		}
	}
	// Other tests of this package poll more often than the policies of config allow.
	mustKubectl(t, "delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", "uptake-intervals")
	const often = `{apiVersion: uptake.dev/v1alpha1, kind: AdoptionProgram, metadata: {name: often, namespace: default}, ` +
		`spec: {objective: x, interval: 1s, metrics: [{name: m, dimension: Reach, query: {configMap: {name: a, key: b}}}]}}`
	for range 100 {
		if _, _, err := call(t, often, kubectlProgram(), "create", "--dry-run=server", "-f", "-"); err == nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Error("the policy is in force after it was deleted")
}

func mustKubectl(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, err := kubectl(t, args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return stdout
}

// elsewhere is the sample in another namespace, where nothing was applied before.
func elsewhere(t *testing.T, sample string) string {
	t.Helper()
	text, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), filepath.Base(sample))
	if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte("-adoption\n"), []byte("-adoption-elsewhere\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// stored are the objects of some files as they are now.
func stored(t *testing.T, files []string) []unstructured.Unstructured {
	t.Helper()
	var list unstructured.UnstructuredList
	if err := json.Unmarshal([]byte(mustKubectl(t, append([]string{"get", "--output=json"}, files...)...)), &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func generations(t *testing.T, files []string) string {
	t.Helper()
	var b strings.Builder
	for _, o := range stored(t, files) {
		fmt.Fprintf(&b, "%s %s %d\n", o.GetKind(), o.GetName(), o.GetGeneration())
	}
	return b.String()
}

// seen tells whether the operator has a status for everything that is Uptake's.
func seen(t *testing.T, files []string) bool {
	t.Helper()
	found := false
	for _, o := range stored(t, files) {
		if o.GroupVersionKind().Group != "uptake.dev" {
			continue
		}
		found = true
		if observed, _, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration"); observed != o.GetGeneration() {
			return false
		}
	}
	return found
}
