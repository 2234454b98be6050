// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/manifest"
)

// kindsInOrder is how the page lists them.
var kindsInOrder = []string{"AdoptionProgram", "Phase", "Barrier", "UsageSource", "ClusterUsageSource"}

// row is what every client shows of one state.
type row struct {
	state
	shown     *unstructured.Unstructured
	namespace string

	kubectl, wait, kstatus, argo, helm, lensColumns, lensBadges string
	message                                                     string // of Argo CD
}

// TestWhatEachClientShows makes every state of every kind and asks every client.
func TestWhatEachClientShows(t *testing.T) {
	home := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "uptake-system"}} // of Secrets of ClusterUsageSources
	if err := people.Create(t.Context(), home); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
	var rows []*row
	for _, kind := range kindsInOrder {
		for _, s := range states()[kind] {
			rows = append(rows, &row{state: s})
		}
	}
	// What the operator has not seen yet comes first: there is none.
	judge(t, rows, func(r *row) bool { return r.name == unseen || strings.HasPrefix(r.name, unseen+",") })
	startOperator(t)
	judge(t, rows, func(r *row) bool { return r.shown == nil })
	if t.Failed() {
		return
	}
	askLens(t, rows)
	for _, r := range rows {
		if r.argo != r.wantArgo || r.kstatus != r.wantFlux {
			t.Errorf("%s, %s: Argo CD shows %s, want %s; kstatus says %s, want %s", r.kind, r.name, r.argo, r.wantArgo, r.kstatus, r.wantFlux)
		}
		if r.message == "" {
			t.Errorf("%s, %s: Argo CD has no message", r.kind, r.name)
		}
		if want := map[string]string{"Current": "done", "InProgress": "waits", "Failed": "waits (Failed)"}[r.kstatus]; r.helm != want {
			t.Errorf("%s, %s: helm --wait %s, want %s", r.kind, r.name, r.helm, want)
		}
		if r.lensColumns != r.kubectl {
			t.Errorf("%s, %s: Lens shows %q, kubectl %q", r.kind, r.name, r.lensColumns, r.kubectl)
		}
	}
	page(t, rows)
	if *update {
		record(t, rows)
	}
}

// judge brings states about and asks the clients, several at once.
func judge(t *testing.T, rows []*row, which func(*row) bool) {
	t.Helper()
	t.Run("states", func(t *testing.T) {
		for i, r := range rows {
			if !which(r) {
				continue
			}
			t.Run(r.kind+"/"+r.name, func(t *testing.T) {
				t.Parallel()
				r.namespace = fmt.Sprintf("state-%d", i)
				bringAbout(t, r)
				ask(t, r)
			})
		}
	})
}

// bringAbout applies the manifests and waits for the state.
func bringAbout(t *testing.T, r *row) {
	t.Helper()
	if err := people.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.namespace}}); err != nil {
		t.Fatal(err)
	}
	apply(t, r, r.manifests)
	name := object
	if strings.HasSuffix(r.kind, "Source") {
		name = "source-" + r.namespace
	}
	r.shown = &unstructured.Unstructured{}
	r.shown.SetGroupVersionKind(schema.GroupVersionKind{Group: "uptake.dev", Version: "v1alpha1", Kind: r.kind})
	key := client.ObjectKey{Name: name}
	if r.kind != "ClusterUsageSource" {
		key.Namespace = r.namespace
	}
	describe := func() string { return fmt.Sprint(r.shown.Object["status"]) }
	inState := func(reached func(*unstructured.Unstructured) bool) func() bool {
		return func() bool {
			if err := people.Get(t.Context(), key, r.shown); err != nil {
				t.Fatal(err)
			}
			return reached(r.shown)
		}
	}
	if r.before != nil {
		eventually(t, "the state before "+r.name, inState(r.before), describe)
		apply(t, r, r.change)
	}
	if r.reached == nil {
		r.reached = func(*unstructured.Unstructured) bool { return true }
	}
	eventually(t, r.name, inState(r.reached), describe)
	// What comes with it may take another write: nothing new for a while.
	last, since := r.shown.GetResourceVersion(), time.Now()
	eventually(t, r.name+", settled", func() bool {
		still := inState(r.reached)()
		if now := r.shown.GetResourceVersion(); now != last || !still {
			last, since = now, time.Now()
		}
		return time.Since(since) > 3*time.Second
	}, describe)
}

// apply creates or updates what a text holds. Sources of clusters have one name each.
func apply(t *testing.T, r *row, manifests string) {
	t.Helper()
	manifests = strings.NewReplacer(
		"TODAY", time.Now().Format(time.DateOnly), "YESTERDAY", time.Now().AddDate(0, 0, -1).Format(time.DateOnly),
		"SOURCE", "source-"+r.namespace,
	).Replace(manifests)
	objects, err := manifest.Read([]byte(manifests))
	if err != nil {
		t.Fatalf("%v\n%s", err, manifests)
	}
	for _, o := range objects {
		if o.GetKind() != "ClusterUsageSource" {
			o.SetNamespace(r.namespace)
		}
		strict := client.WithFieldValidation(people, metav1.FieldValidationStrict)
		if err := strict.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("people"), client.ForceOwnership); err != nil {
			t.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}
