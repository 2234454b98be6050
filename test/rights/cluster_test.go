// SPDX-License-Identifier: Apache-2.0

// Package rights compares what the operator may do with what it does: the rights that
// the chart gives it, and the audit log of an API server that it has worked with.
package rights

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/controlplane/controlplanetest"
	"github.com/uptake-dev/uptake/internal/operator"
)

const (
	// repository, seen from this folder.
	repository = "../.."
	// home is where the release is, and what it is called, as in docs/install.md.
	home, release = "uptake-system", "uptake"
)

// cluster is an API server that writes down what the operator asks.
type cluster struct {
	plane *controlplane.ControlPlane
	// people is a client that may do anything.
	people client.Client
	// kubeconfig is the same as a file, for Helm and for the demo.
	kubeconfig string
	// audit is the file that the API server writes; read is how much of it was read.
	audit string
	read  int
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	log.SetLogger(logr.Discard())
	policy, err := filepath.Abs("testdata/audit-policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	c := &cluster{kubeconfig: filepath.Join(folder, "kubeconfig"), audit: filepath.Join(folder, "audit.log")}
	c.plane = controlplanetest.Start(t, controlplane.Options{APIServerArgs: map[string][]string{
		"audit-policy-file": {policy}, "audit-log-path": {c.audit},
	}})
	c.plane.Config.QPS = -1
	scheme, err := operator.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	if c.people, err = client.New(c.plane.Config, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.kubeconfig, c.plane.Kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// helm runs the real Helm on the chart, with a command, the name of the release and flags.
func (c *cluster) helm(t *testing.T, command string, flags ...string) {
	t.Helper()
	program, err := exec.LookPath(os.Getenv("UPTAKE_HELM"))
	if err != nil {
		t.Fatalf("UPTAKE_HELM names no program, which `make test` brings: %v", err)
	}
	args := append([]string{command, release, repository + "/charts/uptake", "--namespace", home, "--set", "admission.intervals=false"}, flags...)
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig,
		"HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("helm %s: %v\n%s", command, err, output)
	}
}

// apply sends manifests, and again until their definitions are served.
func (c *cluster) apply(t *testing.T, manifests string) {
	t.Helper()
	kubectl := filepath.Join(os.Getenv(controlplane.AssetsVariable), "kubectl")
	eventually(t, "the manifests are applied", func() error {
		cmd := exec.CommandContext(t.Context(), kubectl, "--kubeconfig="+c.kubeconfig, "apply", "--server-side", "-f", "-")
		cmd.Stdin = bytes.NewBufferString(manifests)
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, output)
		}
		return nil
	})
}

// compile builds the operator.
func compile(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "uptake")
	if output, err := exec.CommandContext(t.Context(), "go", "-C", repository, "build", "-o", program, "./cmd/uptake").CombinedOutput(); err != nil {
		t.Fatalf("building the operator: %v\n%s", err, output)
	}
	return program
}

// patience is how long is waited for what takes seconds: others use the machine too.
const patience = 2 * time.Minute

func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	err := errors.New("not tried")
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("not within %s: %s: %v", patience, what, err)
}
