// SPDX-License-Identifier: Apache-2.0

// Package clients tests what people see: each state of each kind, made by the
// operator on a real API server, through the code of the clients themselves.
package clients

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/operatortest"
	"github.com/uptake-dev/uptake/internal/suitetest"
	"github.com/uptake-dev/uptake/test/internal/statustest"
)

// update writes the page and the recorded objects anew.
var update = flag.Bool("update", false, "write docs/clients.md and what is recorded for Argo CD anew")

var (
	plane  *controlplane.ControlPlane
	people client.WithWatch
	// kubeconfig is the file with which the clients talk to the API server.
	kubeconfig string
	// home is where they keep what they write.
	home string
	// usage answers polls.
	usage *httptest.Server
)

func TestMain(m *testing.M) {
	suitetest.Suite{
		Needs: []string{"UPTAKE_HELM", "UPTAKE_LENS"}, CRDs: []string{"../../config/crd/bases"},
		Parallel: 4, // clients mostly wait
	}.Main(func(ctx context.Context, shared suitetest.Shared) (int, error) {
		plane, people, kubeconfig, home = shared.Plane, shared.People, shared.Kubeconfig, shared.Home
		usage = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"active": 40}`))
		}))
		defer usage.Close()
		return statustest.Run(ctx, people, m)
	})
}

// startOperator runs the operator until the test ends.
func startOperator(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended, err := operatortest.Start(ctx, plane.Config)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the operator ended: %v", err)
		}
	})
}

// call runs a client and gives what it prints.
func call(t *testing.T, stdin, program string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, problems strings.Builder
	cmd := exec.CommandContext(t.Context(), program, args...) //nolint:gosec // the clients under test
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+home, "KUBECACHEDIR="+filepath.Join(home, "cache"), "KUBECTL_EXTERNAL_DIFF=diff -u")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &problems
	err = cmd.Run()
	return out.String(), problems.String(), err
}

func kubectl(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return call(t, "", kubectlProgram(), args...)
}

func kubectlProgram() string { return filepath.Join(os.Getenv(controlplane.AssetsVariable), "kubectl") }

func helm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return call(t, "", os.Getenv("UPTAKE_HELM"), args...)
}

// eventually waits for what takes the operator seconds; others use the machine too.
func eventually(t *testing.T, what string, done func() bool, describe func() string) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("did not happen: %s\n%s", what, describe())
}
