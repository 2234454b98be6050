// SPDX-License-Identifier: Apache-2.0

package playbooks

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	syaml "sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/internal/manifest"
)

// values of the chart.
type values = map[string]any

// helm runs Helm with these values, and returns what it prints and says of a failure.
func helm(t *testing.T, given values, args ...string) (out, problems string, err error) {
	t.Helper()
	folder := t.TempDir()
	text, err := syaml.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "values.yaml")
	kubeconfig := filepath.Join(folder, "kubeconfig")
	if err := errors.Join(os.WriteFile(file, text, 0o600), os.WriteFile(kubeconfig, plane.Kubeconfig, 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Getenv(helmVariable), append(args, "--values", file, "--kubeconfig", kubeconfig)...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+folder, "HELM_CONFIG_HOME="+folder, "HELM_DATA_HOME="+folder)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// mustHelm is helm that works.
func mustHelm(t *testing.T, given values, args ...string) string {
	t.Helper()
	out, problems, err := helm(t, given, args...)
	if err != nil {
		t.Fatalf("helm %v: %v\n%s%s", args, err, out, problems)
	}
	return out
}

// rendered is what the chart makes of values.
func rendered(t *testing.T, given values, namespace string) []*unstructured.Unstructured {
	t.Helper()
	text := mustHelm(t, given, "template", "adoption", chart, "--namespace", namespace)
	objects, err := manifest.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// merged lays values over others.
func merged(under, over values) values {
	out := values{}
	maps.Copy(out, under)
	for k, v := range over {
		below, isMap := out[k].(values)
		above, both := v.(values)
		if isMap && both {
			v = merged(below, above)
		}
		out[k] = v
	}
	return out
}
