// SPDX-License-Identifier: Apache-2.0

// Package api tests what users meet before the operator does: what the API
// server accepts, refuses and shows, and whether the manifests in config apply.
package api

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/suitetest"
)

// Folders, seen from this one.
const (
	crdFolder    = "../../config/crd/bases"
	configFolder = "../../config"
)

// plane is shared by the tests that leave nothing behind but namespaces.
var plane *controlplane.ControlPlane

func TestMain(m *testing.M) {
	suitetest.Suite{CRDs: []string{crdFolder}}.Main(func(_ context.Context, shared suitetest.Shared) (int, error) {
		plane = shared.Plane
		return m.Run(), nil
	})
}

// administrator may do anything on a control plane.
func administrator(t *testing.T, p *controlplane.ControlPlane) client.Client {
	t.Helper()
	c, err := client.New(p.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(c.Scheme()); err != nil {
		t.Fatal(err)
	}
	return c
}

// newNamespace creates a namespace for one test.
func newNamespace(t *testing.T, c client.Client) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	return ns.Name
}

// kubectl returns a function that runs the real kubectl as the administrator, with
// these flags, and fails the test when kubectl fails or warns.
func kubectl(t *testing.T, p *controlplane.ControlPlane, flags ...string) func(args ...string) string {
	t.Helper()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, p.Kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(os.Getenv(controlplane.AssetsVariable), "kubectl")
	return func(args ...string) string {
		t.Helper()
		var out, problems bytes.Buffer
		cmd := exec.CommandContext(t.Context(), program, slices.Concat([]string{"--kubeconfig", kubeconfig}, flags, args)...)
		cmd.Stdout, cmd.Stderr = &out, &problems
		if err := cmd.Run(); err != nil {
			t.Fatalf("kubectl %v: %v\n%s%s", args, err, out.String(), problems.String())
		}
		if problems.Len() > 0 {
			t.Errorf("kubectl %v warns: %s", args, problems.String())
		}
		return out.String()
	}
}

// kind is a kind of the API with the spec of a small, valid object.
type kind struct {
	name   string
	plural string
	spec   string
}

var (
	program = kind{"AdoptionProgram", "adoptionprograms", `
objective: Every service sends telemetry
metrics: [{name: adopted, dimension: Reach, query: {configMap: {name: numbers, key: adopted}}}]`}
	phase = kind{"Phase", "phases", `
programRef: {name: telemetry}
targets: [{metric: adopted, atLeast: "12"}]`}
	barrier = kind{"Barrier", "barriers", `
programRef: {name: telemetry}
summary: The agent needs a privileged port
category: Technical`}
	source = kind{"UsageSource", "usagesources", `
type: Prometheus
prometheus: {url: "https://prometheus.example.com"}`}
	clusterSource = kind{"ClusterUsageSource", "clusterusagesources", `
type: Prometheus
prometheus: {url: "https://prometheus.example.com"}
allowedNamespaces: {from: All}`}

	kinds = []kind{program, phase, barrier, source, clusterSource}
)

func (k kind) namespaced() bool { return k.name != clusterSource.name }

// object is a valid object of the kind whose spec has some of its fields
// replaced by those of a YAML text; a field that is null there is taken out.
func (k kind) object(t *testing.T, namespace, name, fields string) *unstructured.Unstructured {
	t.Helper()
	var spec, changes map[string]any
	if err := yaml.Unmarshal([]byte(k.spec), &spec); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(fields), &changes); err != nil {
		t.Fatalf("%v in:\n%s", err, fields)
	}
	for field, value := range changes {
		spec[field] = value
		if value == nil {
			delete(spec, field)
		}
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": k.name, "spec": spec,
	}}
	object.SetName(name)
	if k.namespaced() {
		object.SetNamespace(namespace)
	}
	return object
}

// create creates a valid object of the kind, changed as in object.
func (k kind) create(t *testing.T, c client.Client, namespace, name, fields string) *unstructured.Unstructured {
	t.Helper()
	object := k.object(t, namespace, name, fields)
	if err := c.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	return object
}
