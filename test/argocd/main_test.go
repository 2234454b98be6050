// SPDX-License-Identifier: Apache-2.0

//go:build argocd

// Package argocd tests Uptake under a real Argo CD: its application controller, its
// repo server, its API server and a Redis, syncing a Git repository.
package argocd

import (
	"context"
	"fmt"
	"net"
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

var (
	plane  *controlplane.ControlPlane
	people client.WithWatch
	// home holds the Git repository, the kubeconfig and what the programs print.
	home string
	// server is the address of Argo CD's API server.
	server string
)

func TestMain(m *testing.M) {
	suitetest.Suite{
		Needs: []string{"UPTAKE_ARGOCD", "UPTAKE_REDIS"},
		CRDs:  []string{"../../config/crd/bases", filepath.Join(filepath.Dir(os.Getenv("UPTAKE_ARGOCD")), "crds")},
	}.Main(func(ctx context.Context, shared suitetest.Shared) (int, error) {
		plane, people, home = shared.Plane, shared.People, shared.Home
		return run(ctx, m)
	})
}

func run(ctx context.Context, m *testing.M) (code int, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended, err := operatortest.Start(ctx, plane.Config)
	if err != nil {
		return 1, err
	}
	if err := installArgoCD(ctx); err != nil {
		return 1, err
	}
	processes, err := startArgoCD(ctx)
	if err != nil {
		return 1, err
	}
	if code, err = statustest.Run(ctx, people, m); err != nil {
		return 1, err
	}
	stop()
	for _, process := range processes {
		_ = process.Wait() // it was told to end
	}
	if code != 0 {
		tellLogs()
	}
	return code, <-ended
}

// component starts one of Argo CD's programs, which are all one.
func component(ctx context.Context, program, name, kubeconfig string, args ...string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the programs under test
	cmd.Env = append(
		os.Environ(), "ARGOCD_BINARY_NAME="+name, "KUBECONFIG="+filepath.Join(home, kubeconfig), "HOME="+home,
		"ARGOCD_FAKE_IN_CLUSTER=true", "ARGOCD_GPG_ENABLED=false", "HOSTNAME="+name+"-0",
		"ARGOCD_TLS_DATA_PATH="+filepath.Join(home, "tls"), "ARGOCD_SSH_DATA_PATH="+filepath.Join(home, "ssh"),
		"ARGOCD_GNUPGHOME="+filepath.Join(home, "gpg"), "TMPDIR="+home,
	)
	output, err := os.Create(filepath.Join(home, name+".log"))
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Dir = home
	return cmd, cmd.Start()
}

// startArgoCD starts everything and waits until its API server answers.
func startArgoCD(ctx context.Context) ([]*exec.Cmd, error) {
	for _, folder := range []string{"tls", "ssh", "gpg"} {
		if err := os.Mkdir(filepath.Join(home, folder), 0o700); err != nil {
			return nil, err
		}
	}
	ports, err := freePorts(7)
	if err != nil {
		return nil, err
	}
	argocd := os.Getenv("UPTAKE_ARGOCD")
	redis, repositories := "127.0.0.1:"+ports[0], "127.0.0.1:"+ports[1]
	server = "127.0.0.1:" + ports[3]
	namespace := []string{"--namespace", "argocd"}
	var processes []*exec.Cmd
	for _, one := range []struct {
		program, name, kubeconfig string
		args                      []string
	}{
		{os.Getenv("UPTAKE_REDIS"), "redis", "none", []string{"--port", ports[0], "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", home}},
		{argocd, "argocd-repo-server", "none", []string{"--port", ports[1], "--metrics-port", ports[2], "--redis", redis, "--disable-tls", "--revision-cache-expiration", "1s"}},
		// It has the rights that Argo CD's manifests give it.
		{argocd, "argocd-server", "kubeconfig-of-server", append([]string{
			"--port", ports[3], "--metrics-port", ports[4], "--redis", redis, "--repo-server", repositories, "--repo-server-plaintext",
			"--insecure", "--disable-auth", "--staticassets", "", "--dex-server", "http://127.0.0.1:1",
		}, namespace...)},
		// It may do everything in an installation as well.
		{argocd, "argocd-application-controller", "kubeconfig", append([]string{
			"--redis", redis, "--repo-server", repositories, "--repo-server-plaintext", "--metrics-port", ports[5],
			"--app-resync", "3", "--app-resync-jitter", "0", "--self-heal-timeout-seconds", "1", "--persist-resource-health",
		}, namespace...)},
	} {
		process, err := component(ctx, one.program, one.name, one.kubeconfig, one.args...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		processes = append(processes, process)
	}
	for range 600 {
		if connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", server); err == nil {
			return processes, connection.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	tellLogs()
	return nil, fmt.Errorf("argocd-server does not listen")
}

// tellLogs prints the ends of what the programs printed.
func tellLogs() {
	logs, _ := filepath.Glob(filepath.Join(home, "*.log"))
	for _, file := range logs {
		text, _ := os.ReadFile(file)
		lines := strings.Split(string(text), "\n")
		fmt.Printf("== %s\n%s\n", filepath.Base(file), strings.Join(lines[max(0, len(lines)-25):], "\n"))
	}
}

// freePorts are ports that nobody listened on a moment ago.
func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close() //nolint:errcheck // held until all are chosen
		ports = append(ports, fmt.Sprint(listener.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}
