// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/test/internal/processtest"
)

// secondServer starts another API server on the same etcd, which it reaches through a
// proxy. It returns what connects to it.
func secondServer(t *testing.T) (*rest.Config, *proxy) {
	t.Helper()
	arguments := processtest.TheChild(t, "kube-apiserver", func(arguments []string) bool {
		return strings.Contains(plane.Config.Host, portOf(arguments))
	}).Arguments
	var etcd *proxy
	port := freePort(t)
	for i, argument := range arguments {
		switch name, value, _ := strings.Cut(argument, "="); name {
		case "--etcd-servers":
			address, err := url.Parse(value)
			if err != nil {
				t.Fatal(err)
			}
			etcd = newProxy(t, address.Host)
			arguments[i] = name + "=" + address.Scheme + "://" + etcd.address()
		case "--secure-port":
			arguments[i] = fmt.Sprint(name, "=", port)
		}
	}
	if etcd == nil {
		t.Fatalf("no etcd in %q", arguments)
	}
	printed := &processtest.Output{}
	server := exec.Command(arguments[0], arguments[1:]...)
	server.Stdout, server.Stderr = printed, printed
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait() // killed
		if t.Failed() {
			text := printed.String()
			t.Logf("the second API server printed at the end:\n%s", text[max(0, len(text)-4000):])
		}
	})
	config := rest.CopyConfig(plane.Config)
	config.Host = fmt.Sprintf("https://127.0.0.1:%d", port)
	scene{t: t}.eventually("the second API server serves", func() bool {
		c, err := client.New(config, client.Options{Scheme: people.Scheme()})
		return err == nil && c.List(t.Context(), &v1alpha1.BarrierList{}) == nil
	}, printed.String)
	return config, etcd
}

// addressOf is the host and port of the API server.
func addressOf(t *testing.T) string {
	t.Helper()
	if address, err := url.Parse(plane.Config.Host); err == nil && address.Host != "" {
		return address.Host
	}
	return plane.Config.Host
}

// portOf is the port that an API server listens at.
func portOf(arguments []string) string {
	for _, argument := range arguments {
		if port, is := strings.CutPrefix(argument, "--secure-port="); is {
			return ":" + port
		}
	}
	return "none"
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it listens on TCP
}
