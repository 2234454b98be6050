// SPDX-License-Identifier: Apache-2.0

//go:build argocd

package argocd

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// syncs is how often each application is synced.
const syncs = 20

// TestSyncingAgainChangesNothing syncs the samples again and again, applied on the
// client and on the server: never OutOfSync, and no generation that moves.
func TestSyncingAgainChangesNothing(t *testing.T) {
	samples, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil || len(samples) == 0 {
		t.Fatalf("there are no samples: %v", err)
	}
	ways := map[string][]string{"samples-client": nil, "samples-server": {"ServerSideApply=true"}}
	for name, options := range ways {
		files := map[string]string{}
		for _, sample := range samples {
			// Each way has namespaces and cluster roles of its own: two applications that
			// claim one object are a conflict of theirs.
			text := strings.ReplaceAll(readFile(sample), "-adoption\n", "-"+name+"\n")
			files[filepath.Base(sample)] = strings.ReplaceAll(text, "-program-reader\n", "-program-reader-"+name+"\n")
		}
		if err := commit(name, "begin "+name, files); err != nil {
			t.Fatal(err)
		}
		application(t, name, options...)
	}
	watching := watchDifferences(context.WithoutCancel(t.Context()), t)
	for name := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			syncAgain(t, name, watching)
		})
	}
}

// syncAgain syncs one application and compares what is there before and after.
func syncAgain(t *testing.T, name string, watching *differences) {
	t.Helper()
	shown := waitFor(t, name, "Synced", func(s seen) bool { return s.sync() == "Synced" && s.operation() == "Succeeded" })
	namespaces := []string{name, "gateway-api-" + name, "telemetry-" + name, "coding-assistant-" + name}
	before := map[string]int64{}
	for _, namespace := range namespaces {
		maps.Copy(before, generations(t, namespace))
	}
	if len(before) < 10 {
		t.Fatalf("the samples have %d objects: %v", len(before), before)
	}
	for range syncs {
		last := shown.text("operationState", "finishedAt")
		if err := people.Patch(t.Context(), shown.Unstructured, client.RawPatch("application/merge-patch+json", []byte(`{"operation":{"initiatedBy":{"username":"people"},"sync":{"syncStrategy":{"apply":{"force":false}}}}}`))); err != nil {
			t.Fatal(err)
		}
		shown = waitFor(t, name, "synced again", func(s seen) bool {
			_, running, _ := unstructured.NestedMap(s.Object, "operation")
			return !running && s.operation() != "Running" && s.text("operationState", "finishedAt") != last
		})
		if shown.operation() != "Succeeded" {
			t.Fatalf("%s: %s: %s", name, shown.operation(), shown.text("operationState", "message"))
		}
	}
	after := map[string]int64{}
	for _, namespace := range namespaces {
		maps.Copy(after, generations(t, namespace))
	}
	if !maps.Equal(before, after) {
		t.Errorf("%s: generations moved from %v to %v", name, before, after)
	}
	if found := watching.of(name); len(found) > 0 {
		t.Errorf("%s was OutOfSync: %s", name, found[0])
	}
}
