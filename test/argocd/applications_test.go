// SPDX-License-Identifier: Apache-2.0

//go:build argocd

package argocd

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var applicationKind = schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"}

// application makes one that syncs a folder of the repository into a namespace of its
// own, by itself and healing itself.
func application(t *testing.T, name string, options ...string) {
	t.Helper()
	text := fmt.Sprintf(`
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: %[1]s, namespace: argocd, finalizers: []}
spec:
  project: default
  source: {repoURL: %[2]q, path: %[1]s, targetRevision: main}
  destination: {server: "https://kubernetes.default.svc", namespace: %[1]s}
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    syncOptions: [%[3]s]
`, name, repository(), strings.Join(append([]string{"CreateNamespace=true"}, options...), ", "))
	if err := apply(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// seen is an application as Argo CD has it now.
type seen struct{ *unstructured.Unstructured }

func look(t *testing.T, name string) seen {
	t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(applicationKind)
	if err := people.Get(t.Context(), client.ObjectKey{Namespace: "argocd", Name: name}, u); err != nil {
		t.Fatal(err)
	}
	return seen{u}
}

func (s seen) text(path ...string) string {
	value, _, _ := unstructured.NestedString(s.Object, append([]string{"status"}, path...)...)
	return value
}

func (s seen) health() string    { return s.text("health", "status") }
func (s seen) sync() string      { return s.text("sync", "status") }
func (s seen) operation() string { return s.text("operationState", "phase") }

// resource is what Argo CD shows of one object.
func (s seen) resource(kind, name string) (status, message string) {
	list, _, _ := unstructured.NestedSlice(s.Object, "status", "resources")
	for _, entry := range list {
		r, _ := entry.(map[string]any)
		if r["kind"] == kind && r["name"] == name {
			status, _, _ = unstructured.NestedString(r, "health", "status")
			message, _, _ = unstructured.NestedString(r, "health", "message")
		}
	}
	return status, message
}

// waitFor waits until an application is as it should be.
func waitFor(t *testing.T, name, what string, is func(seen) bool) seen {
	t.Helper()
	var last seen
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if last = look(t, name); is(last) {
			return last
		}
	}
	t.Fatalf("%s is not %s: %v", name, what, last.Object["status"])
	return last
}

// differences are the moments in which applications were OutOfSync although what Git
// has had been synced.
type differences struct {
	mu     sync.Mutex
	seen   map[string][]string
	synced map[string]bool
}

// watchDifferences looks at every change of every application until the context ends.
func watchDifferences(ctx context.Context, t *testing.T) *differences {
	t.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(applicationKind.GroupVersion().WithKind("ApplicationList"))
	stream, err := people.Watch(ctx, list, client.InNamespace("argocd"))
	if err != nil {
		t.Fatal(err)
	}
	found := &differences{seen: map[string][]string{}, synced: map[string]bool{}}
	go func() {
		defer stream.Stop()
		for event := range stream.ResultChan() {
			if u, is := event.Object.(*unstructured.Unstructured); is {
				found.note(seen{u})
			}
		}
	}()
	return found
}

func (d *differences) note(s seen) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch name := s.GetName(); {
	case s.sync() == "Synced":
		d.synced[name] = true
	case s.sync() == "OutOfSync" && d.synced[name] && s.operation() == "Succeeded" &&
		s.text("sync", "revision") == s.text("operationState", "syncResult", "revision"):
		resources, _, _ := unstructured.NestedSlice(s.Object, "status", "resources")
		d.seen[name] = append(d.seen[name], fmt.Sprint(resources))
	}
}

// of gives those of an application, and forgets them.
func (d *differences) of(name string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := d.seen[name]
	delete(d.seen, name)
	return found
}

// generations of all objects of Uptake in a namespace.
func generations(t *testing.T, namespace string) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	for _, kind := range []string{"AdoptionProgram", "Phase", "Barrier", "UsageSource"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: "uptake.dev", Version: "v1alpha1", Kind: kind + "List"})
		if err := people.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			found[kind+" "+o.GetName()] = o.GetGeneration()
		}
	}
	return found
}

// get reads an object of Uptake.
func get(t *testing.T, kind, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: "uptake.dev", Version: "v1alpha1", Kind: kind})
	if err := people.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, u); err != nil {
		t.Fatal(err)
	}
	return u
}

// eventually waits for something that is no application.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("did not happen: %s", what)
}
