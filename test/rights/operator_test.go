// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
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
	// metrics is where it serves them, over TLS if it is secure.
	metrics string
	secure  bool
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
	metrics := freeAddress(t)
	command := append([]string{program}, pod.Containers[0].Args...)
	command = append(command, "--kubeconfig="+credentials, "--display-every=1s", "--min-interval=1s",
		"--metrics-bind-address="+metrics, "--health-probe-bind-address=127.0.0.1:0")
	return installed{
		account: account, user: "system:serviceaccount:" + home + ":" + account, command: command,
		metrics: metrics, secure: !slices.Contains(command, "--metrics-secure=false"),
	}
}

// freeAddress is an address on the loopback that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// scrape reads the metrics as an account that may, which the operator asks the API
// server about.
func (c *cluster) scrape(t *testing.T, operator installed) {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", GenerateName: "scraper-"}}
	if err := c.people.Create(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	if err := c.people.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: release + "-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	}); err != nil {
		t.Fatal(err)
	}
	token := &authenticationv1.TokenRequest{}
	if err := c.people.SubResource("token").Create(t.Context(), account, token); err != nil {
		t.Fatal(err)
	}
	scraper := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // it signs its certificate itself
	eventually(t, "it is scraped", func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+operator.metrics+"/metrics", http.NoBody)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+token.Status.Token)
		response, err := scraper.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	})
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
