// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// groups are those that the API server puts the operator's account into.
func groups() []string {
	return []string{"system:serviceaccounts", "system:serviceaccounts:" + home, "system:authenticated"}
}

// installed is the operator as a release would run it.
type installed struct {
	account, user string
	// command starts it with the arguments of its Deployment, leader election on, as
	// its service account. Only what would take too long is shortened, and it
	// listens where nobody else does.
	command []string
}

// operatorOf reads the release's Deployment.
func (c *cluster) operatorOf(t *testing.T, program string) installed {
	t.Helper()
	var deployment appsv1.Deployment
	if err := c.people.Get(t.Context(), client.ObjectKey{Namespace: home, Name: release + "-operator"}, &deployment); err != nil {
		t.Fatal(err)
	}
	pod := deployment.Spec.Template.Spec
	account := pod.ServiceAccountName
	user, err := c.plane.AddUser("system:serviceaccount:"+home+":"+account, groups()...)
	if err != nil {
		t.Fatal(err)
	}
	credentials := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(credentials, user.Kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	// What a pod knows of itself.
	t.Setenv("POD_NAMESPACE", home)
	t.Setenv("POD_SERVICE_ACCOUNT", account)
	command := append([]string{program}, pod.Containers[0].Args...)
	command = append(command, "--kubeconfig="+credentials, "--display-every=1s",
		"--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0")
	return installed{account: account, user: "system:serviceaccount:" + home + ":" + account, command: command}
}

// running is a process of the operator.
type running struct {
	log string
	// stop tells it to end, and waits.
	stop func()
}

func start(t *testing.T, command []string) *running {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "operator.log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	// The story's operator has its lists streamed by watches. An API server that
	// does not stream is asked for lists, such as that of Kubernetes 1.33.
	cmd.Env = append(os.Environ(), "KUBE_FEATURE_WatchListClient=false")
	cmd.Stdout, cmd.Stderr = file, file
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop := func() {
		if !ended {
			ended = true
			cancel()
			_ = cmd.Wait() // one that was told to end says so
			_ = file.Close()
		}
	}
	t.Cleanup(func() {
		if ended {
			return
		}
		stop() // what it should have done did not happen
		t.Log(readFile(t, file.Name()))
	})
	return &running{log: file.Name(), stop: stop}
}

// lease is where the replicas agree on who works.
func (c *cluster) lease(t *testing.T) *coordinationv1.Lease {
	t.Helper()
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "uptake-operator"}}
	if err := c.people.Get(t.Context(), client.ObjectKeyFromObject(lease), lease); err != nil {
		t.Fatal(err)
	}
	return lease
}

// givenBack checks that an operator that has ended left the Lease to others, and
// deletes it, so that what comes next needs every right itself.
func (c *cluster) givenBack(t *testing.T) {
	t.Helper()
	lease := c.lease(t)
	if holder := ptr.Deref(lease.Spec.HolderIdentity, ""); holder != "" || lease.Spec.RenewTime == nil {
		t.Errorf("the Lease was not given back: %+v", lease.Spec)
	}
	if err := c.people.Delete(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
}

// wantNoRefusal looks for refusals in an operator's log.
func wantNoRefusal(t *testing.T, log string) {
	t.Helper()
	text := readFile(t, log)
	if text == "" {
		t.Error("the operator has said nothing: its log was not kept")
	}
	for line := range strings.Lines(text) {
		if strings.Contains(strings.ToLower(line), "forbidden") || strings.HasPrefix(line, "the operator ended") {
			t.Errorf("in the operator's log: %s", line)
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(fmt.Errorf("reading what was written: %w", err))
	}
	return string(text)
}
