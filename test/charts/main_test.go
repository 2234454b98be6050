// SPDX-License-Identifier: Apache-2.0

// Package charts tests the Helm charts with the real Helm, on a real API server.
package charts

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/manifest"
	"github.com/uptake-dev/uptake/internal/suitetest"
)

const (
	// repository, seen from this folder.
	repository = "../.."
	chart      = repository + "/charts/uptake"
	// home is where a default installation is, and what it is called.
	home, release = "uptake-system", "uptake"
)

var (
	plane *controlplane.ControlPlane
	// people is a client that may do anything.
	people client.Client
	// kubeconfig is a file for Helm and kubectl.
	kubeconfig string
	// workshop is a folder for what several tests use.
	workshop string
)

func TestMain(m *testing.M) {
	suitetest.Suite{
		Needs: []string{"UPTAKE_HELM", "UPTAKE_KUBECONFORM", "UPTAKE_PROMETHEUS"},
		// The kinds of the Prometheus Operator are there, so that the API server judges
		// ServiceMonitors and PrometheusRules like everything else.
		CRDs: []string{"testdata/crds"},
	}.Main(func(_ context.Context, shared suitetest.Shared) (int, error) {
		plane, people, kubeconfig, workshop = shared.Plane, shared.People, shared.Kubeconfig, shared.Home
		return m.Run(), nil
	})
}

// outcome is what became of a program.
type outcome struct {
	out, problems string
	err           error
}

// start runs a program with what these tests need in its environment.
func start(t testing.TB, input, program string, args ...string) outcome {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &problems
	err := cmd.Run()
	if err != nil && problems.Len() > 0 {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(problems.String()))
	}
	return outcome{out.String(), problems.String(), err}
}

// must runs a program that has to succeed, and returns what it printed.
func must(t testing.TB, input, program string, args ...string) string {
	t.Helper()
	o := start(t, input, program, args...)
	if o.err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(program), strings.Join(args, " "), o.err, o.out, o.problems)
	}
	return o.out
}

// kustomize builds a folder of the repository, with the version that is pinned. Pins are
// outside of go.work.
func kustomize(t testing.TB, folder string) string {
	t.Helper()
	return must(t, "", "env", "GOWORK=off", "go", "-C", repository, "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", folder)
}

func helm(t testing.TB, args ...string) string {
	t.Helper()
	return must(t, "", os.Getenv("UPTAKE_HELM"), args...)
}

func kubectl(t testing.TB, input string, args ...string) string {
	t.Helper()
	return must(t, input, kubectlProgram(), args...)
}

func kubectlProgram() string { return filepath.Join(os.Getenv(controlplane.AssetsVariable), "kubectl") }

// render is what a release of the chart would install.
func render(t testing.TB, namespace string, flags ...string) []*unstructured.Unstructured {
	t.Helper()
	return documents(t, helm(t, slices.Concat([]string{"template", release, chart, "--namespace", namespace}, flags)...))
}

// documents reads objects from YAML.
func documents(t testing.TB, text string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := manifest.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// valueSets are the files of values that the chart is tested with.
func valueSets(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no values: %v", err)
	}
	sets := map[string]string{}
	for _, file := range files {
		sets[strings.TrimSuffix(filepath.Base(file), ".yaml")] = file
	}
	return sets
}

// ofKind picks the objects of a kind.
func ofKind(objects []*unstructured.Unstructured, kinds ...string) []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(objects), func(o *unstructured.Unstructured) bool { return !slices.Contains(kinds, o.GetKind()) })
}

// theOnly is the one object of a kind.
func theOnly(t testing.TB, objects []*unstructured.Unstructured, kind string) *unstructured.Unstructured {
	t.Helper()
	found := ofKind(objects, kind)
	if len(found) != 1 {
		t.Fatalf("%d objects of kind %s, not one", len(found), kind)
	}
	return found[0]
}

// makeNamespace makes sure that a namespace is there, which enforces the restricted
// standard.
func makeNamespace(t testing.TB, name string) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := people.Create(t.Context(), ns); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// identity is how people name an object.
func identity(o *unstructured.Unstructured) string {
	return strings.Join(strings.Fields(o.GetKind()+" "+o.GetNamespace()+" "+o.GetName()), " ")
}

func identities(objects []*unstructured.Unstructured) []string {
	var names []string
	for _, o := range objects {
		names = append(names, identity(o))
	}
	slices.Sort(names)
	return names
}

// nested reads a field that has to be there.
func nested[T any](t testing.TB, o *unstructured.Unstructured, fields ...string) T {
	t.Helper()
	found, ok, err := unstructured.NestedFieldNoCopy(o.Object, fields...)
	value, is := found.(T)
	if !ok || err != nil || !is {
		t.Fatalf("%s has no %s: %v %v", identity(o), strings.Join(fields, "."), found, err)
	}
	return value
}
