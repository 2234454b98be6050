// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"bufio"
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
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// compile builds the operator once for all tests.
var compile = sync.OnceValues(func() (string, error) {
	program := filepath.Join(workshop, "uptake")
	output, err := exec.Command("go", "-C", repository, "build", "-o", program, "./cmd/uptake").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return program, nil
})

func theProgram(t *testing.T) string {
	t.Helper()
	program, err := compile()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// arguments are those of the operator in a Deployment.
func arguments(t *testing.T, deployment *unstructured.Unstructured) []string {
	t.Helper()
	var args []string
	container := nested[[]any](t, deployment, "spec", "template", "spec", "containers")[0].(map[string]any)
	for _, arg := range container["args"].([]any) {
		args = append(args, arg.(string))
	}
	return args
}

// The flags that the chart writes are flags of the operator.
func TestTheOperatorTakesItsArguments(t *testing.T) {
	for name, file := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			args := arguments(t, theOnly(t, render(t, home, "--values", file), "Deployment"))
			must(t, "", theProgram(t), append(args, "--help")...)
		})
	}
	if o := start(t, "", theProgram(t), "operator", "--no-such-flag", "--help"); o.err == nil {
		t.Error("any flag is taken")
	}
}

// running is the operator as its Deployment would run it, outside a pod.
type running struct {
	metrics string
	scheme  string // of the metrics
	stop    func() // before the end of the test
	log     sync.Mutex
	lines   []string
}

// runOperator runs the operator with the arguments of the Deployment, as its service
// account and with no rights but those that the release has given it.
func runOperator(t *testing.T, objects []*unstructured.Unstructured) *running {
	t.Helper()
	deployment := theOnly(t, objects, "Deployment")
	account := nested[string](t, deployment, "spec", "template", "spec", "serviceAccountName")
	user, err := plane.AddUser("system:serviceaccount:"+home+":"+account, "system:serviceaccounts", "system:serviceaccounts:"+home, "system:authenticated")
	if err != nil {
		t.Fatal(err)
	}
	credentials := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(credentials, user.Kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	operator := &running{metrics: freeAddress(t), scheme: "https"}
	if slices.Contains(arguments(t, deployment), "--metrics-secure=false") {
		operator.scheme = "http"
	}
	args := append(arguments(t, deployment), "--kubeconfig="+credentials, "--metrics-bind-address="+operator.metrics, "--health-probe-bind-address=0")
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, theProgram(t), args...)
	cmd.Env = append(os.Environ(), "POD_NAMESPACE="+home, "POD_SERVICE_ACCOUNT="+account)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	output, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			operator.log.Lock()
			operator.lines = append(operator.lines, lines.Text())
			operator.log.Unlock()
		}
	}()
	operator.stop = sync.OnceFunc(func() {
		select {
		case <-ended:
			t.Error("the operator has ended before it was told to")
		default:
		}
		stop()
		<-ended
		_ = cmd.Wait() // an interrupted process says so
	})
	t.Cleanup(func() {
		operator.stop()
		if t.Failed() {
			t.Log(strings.Join(operator.said(""), "\n"))
		}
	})
	return operator
}

// said lists the lines of the log that hold a text.
func (r *running) said(text string) []string {
	r.log.Lock()
	defer r.log.Unlock()
	var found []string
	for _, line := range r.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// serves lists the names of the metrics that it serves.
func (r *running) serves(t *testing.T) (map[string]bool, error) {
	t.Helper()
	token := ""
	if r.scheme == "https" {
		token = scraperToken(t, "uptake-metrics-reader")
	}
	response, err := r.scrape(t, token)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	names := map[string]bool{}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name, _, found := strings.Cut(lines.Text(), "{"); found && !strings.HasPrefix(name, "#") {
			names[name] = true
		} else if name, _, found := strings.Cut(lines.Text(), " "); found {
			names[name] = true
		}
	}
	return names, errors.Join(lines.Err())
}

// scrape asks for the metrics, with a token if there is one.
func (r *running) scrape(t *testing.T, token string) (*http.Response, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.scheme+"://"+r.metrics+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	// It has signed its certificate itself.
	unverified := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
	defer unverified.CloseIdleConnections()
	return (&http.Client{Transport: unverified}).Do(request)
}

// scraperToken is the token of a service account; with a role it may do what that allows.
func scraperToken(t *testing.T, role string) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", GenerateName: "scraper-"}}
	if err := people.Create(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = people.Delete(context.WithoutCancel(t.Context()), account) })
	if role != "" {
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: account.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
		}
		if err := people.Create(t.Context(), binding); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = people.Delete(context.WithoutCancel(t.Context()), binding) })
	}
	request := &authenticationv1.TokenRequest{}
	if err := people.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
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
