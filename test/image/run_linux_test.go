// SPDX-License-Identifier: Apache-2.0

package image

import (
	gocontext "context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/controlplane/controlplanetest"
	"github.com/uptake-dev/uptake/test/internal/processtest"
)

// container is the image unpacked, and its config.
type container struct {
	root   string
	config settings
	// confined: the program sees nothing but root, and is the image's user.
	confined bool
}

// newContainer unpacks the image and adds what a pod would mount: files of a name and a
// text. Only root can lock a program into a folder.
func newContainer(t *testing.T, mounts map[string]string) *container {
	t.Helper()
	image := built(t)
	c := &container{root: t.TempDir(), config: image.configuration.Config, confined: os.Getuid() == 0}
	if !c.confined {
		t.Log("Not proven without root: that the program needs nothing of this machine, and runs as the image's user.")
	}
	for _, f := range image.files {
		if err := os.WriteFile(c.path(f.Name), f.content, os.FileMode(f.Mode)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range mounts {
		if err := os.WriteFile(c.path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *container) path(name string) string { return filepath.Join(c.root, name) }

// inside is how the program calls a file of the container.
func (c *container) inside(name string) string {
	if c.confined {
		return "/" + name
	}
	return c.path(name)
}

// command starts the image as a container runtime would: its entry point, its user, a
// home folder since nobody sets one, and of this process's environment nothing.
func (c *container) command(t *testing.T, environment, args []string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.inside(strings.TrimPrefix(c.config.Entrypoint[0], "/")), append(c.config.Entrypoint[1:], args...)...)
	cmd.Env, cmd.WaitDelay = append([]string{"HOME=/"}, environment...), 20*time.Second
	if !c.confined {
		cmd.Env = append(cmd.Env, "SSL_CERT_FILE=/dev/null", "SSL_CERT_DIR="+t.TempDir())
		return cmd
	}
	user, group, _ := strings.Cut(c.config.User, ":")
	cmd.Dir = c.config.WorkingDir
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root, Credential: &syscall.Credential{Uid: number(t, user), Gid: number(t, group)}}
	return cmd
}

func number(t *testing.T, text string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

func TestTheProgramSaysWhichItIs(t *testing.T) {
	got := must(t, newContainer(t, nil).command(t, nil, []string{"--version"}))
	want := fmt.Sprintf("uptake version %s (commit %s, %s)\n", version, revision, runtime.Version())
	if got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

// The operator runs with what its Deployment gives it and nothing else, on a root
// folder where its user can write nothing, and leaves when it is asked to.
func TestTheOperatorGetsReadyInTheImage(t *testing.T) {
	ctrllog.SetLogger(logr.Discard())
	plane := controlplanetest.Start(t, controlplane.Options{})
	admin := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(admin, plane.Kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl := filepath.Join(os.Getenv(controlplane.AssetsVariable), "kubectl")
	must(t, exec.Command(kubectl, "--kubeconfig", admin, "apply", "-k", filepath.Join(sources, "config", "default")))

	var deployment appsv1.Deployment
	if err := yaml.UnmarshalStrict([]byte(read(t, "config/manager/deployment.yaml")), &deployment); err != nil {
		t.Fatal(err)
	}
	pod := deployment.Spec.Template.Spec
	namespace := deployment.Namespace
	user, err := plane.AddUser("system:serviceaccount:"+namespace+":"+pod.ServiceAccountName,
		"system:serviceaccounts", "system:serviceaccounts:"+namespace)
	if err != nil {
		t.Fatal(err)
	}
	c := newContainer(t, map[string]string{"kubeconfig": string(user.Kubeconfig)})
	before := digests(t, c.root)

	probes := freeAddress(t)
	var log processtest.Output
	cmd := c.command(t,
		[]string{"POD_NAMESPACE=" + namespace, "POD_SERVICE_ACCOUNT=" + pod.ServiceAccountName, "KUBECONFIG=" + c.inside("kubeconfig")},
		append(pod.Containers[0].Args, "--metrics-bind-address="+freeAddress(t), "--health-probe-bind-address="+probes))
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // of a test that ended early
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	waitReady(t, "http://"+probes+"/readyz", ended, &log)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the operator ends with %v:\n%s", err, &log)
		}
	case <-time.After(30 * time.Second): // what Kubernetes gives a pod
		t.Fatalf("the operator does not end:\n%s", &log)
	}
	if after := digests(t, c.root); len(after) != len(before) {
		t.Errorf("the operator wrote files: %v", after)
	}
}

// waitReady waits until the operator says that it is ready.
func waitReady(t *testing.T, url string, ended <-chan error, log *processtest.Output) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	var last string
	for {
		select {
		case err := <-ended:
			t.Fatalf("the operator ended with %v:\n%s", err, log)
		case <-deadline:
			t.Fatalf("not ready: %s\n%s", last, log)
		case <-time.After(100 * time.Millisecond):
		}
		ready, err := http.Get(url)
		if err != nil {
			last = err.Error()
			continue
		}
		if err := ready.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if last = ready.Status; ready.StatusCode == http.StatusOK {
			return
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(gocontext.WithoutCancel(t.Context()), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}
