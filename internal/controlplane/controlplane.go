// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs an API server and its etcd as plain processes on
// this machine, for the tests and for the demo. No container runtime is needed.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// AssetsVariable names the folder that holds the programs of the control plane.
const AssetsVariable = "KUBEBUILDER_ASSETS"

// Options say what a control plane is started with. The zero value is useful.
type Options struct {
	// Assets is the folder with kube-apiserver and etcd; default: the value of
	// KUBEBUILDER_ASSETS.
	Assets string
	// CRDs are files or folders of CustomResourceDefinitions to install; a path
	// that does not exist is an error.
	CRDs []string
	// APIServerArgs are flags of the API server without their leading dashes; a
	// value is added to those that a flag has already.
	APIServerArgs map[string][]string
	// Output gets what both processes print; default: nothing is printed.
	Output io.Writer
}

// ControlPlane is an API server with an etcd of its own. RBAC is on.
type ControlPlane struct {
	// Config authenticates as a member of system:masters.
	Config *rest.Config
	// Kubeconfig is the same as a file for kubectl.
	Kubeconfig []byte

	environment *envtest.Environment
}

// User is somebody whom the API server recognises.
type User struct {
	Config     *rest.Config
	Kubeconfig []byte
}

// Start starts a control plane and returns when it serves and its CRDs are
// established. When ctx ends before that, what was started is stopped again.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	environment, err := newEnvironment(options)
	if err != nil {
		return nil, err
	}
	config, err := environment.Start()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the control plane: %w", err), environment.Stop())
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, environment.Stop())
	}
	return &ControlPlane{Config: config, Kubeconfig: environment.KubeConfig, environment: environment}, nil
}

// AddUser makes a client certificate for a user. What the user may do is decided
// by RBAC; nothing, to begin with.
func (c *ControlPlane) AddUser(name string, groups ...string) (User, error) {
	user, err := c.environment.AddUser(envtest.User{Name: name, Groups: groups}, &rest.Config{QPS: -1})
	if err != nil {
		return User{}, fmt.Errorf("adding the user %s: %w", name, err)
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return User{}, fmt.Errorf("writing a kubeconfig for %s: %w", name, err)
	}
	return User{Config: user.Config(), Kubeconfig: kubeconfig}, nil
}

// Stop stops the API server, then etcd, and removes their data. An etcd that
// goes first leaves the API server waiting until it is killed.
func (c *ControlPlane) Stop() error {
	return c.environment.Stop()
}

func newEnvironment(options Options) (*envtest.Environment, error) {
	assets, err := findAssets(options.Assets)
	if err != nil {
		return nil, err
	}
	ownCluster := false // an ambient USE_EXISTING_CLUSTER must not aim tests at a real one
	environment := &envtest.Environment{
		UseExistingCluster:    &ownCluster,
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     options.CRDs,
		ErrorIfCRDPathMissing: true,
	}
	server := environment.ControlPlane.GetAPIServer()
	server.Path = filepath.Join(assets, "kube-apiserver")
	environment.ControlPlane.Etcd = &envtest.Etcd{Path: filepath.Join(assets, "etcd")}
	if options.Output != nil {
		output := &sharedWriter{to: options.Output}
		server.Out, server.Err = output, output
		environment.ControlPlane.Etcd.Out, environment.ControlPlane.Etcd.Err = output, output
	}
	// Nobody connects to the advertised address, but without one the API server
	// looks for a default route, which an isolated machine does not have.
	server.Configure().Append("advertise-address", "192.0.2.1")
	for flag, values := range options.APIServerArgs {
		server.Configure().Append(flag, values...)
	}
	return environment, nil
}

func findAssets(folder string) (string, error) {
	if folder == "" {
		folder = os.Getenv(AssetsVariable)
	}
	if folder == "" {
		return "", fmt.Errorf("%s is not set: run `make test` or `make demo`, which build a control plane first", AssetsVariable)
	}
	for _, program := range []string{"kube-apiserver", "etcd"} {
		if _, err := os.Stat(filepath.Join(folder, program)); err != nil {
			return "", fmt.Errorf("no %s in the folder of the control plane (%s): %w", program, AssetsVariable, err)
		}
	}
	return folder, nil
}

// sharedWriter lets two processes print to one place.
type sharedWriter struct {
	mu sync.Mutex
	to io.Writer
}

// Write writes what one of them printed.
func (w *sharedWriter) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(text)
}
