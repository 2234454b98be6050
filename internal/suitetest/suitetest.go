// SPDX-License-Identifier: Apache-2.0

// Package suitetest is the TestMain of packages whose tests share a control plane.
package suitetest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/operator"
)

// Suite says what the tests of a package need. The zero value is a control plane
// without any CRD.
type Suite struct {
	// Needs are variables of the environment that name what the tests run.
	Needs []string
	// CRDs are files or folders of CustomResourceDefinitions.
	CRDs []string
	// Parallel is how many tests run at once; default: one for each processor.
	Parallel int
	// Log takes what libraries of this process log; default: nothing does.
	Log logr.Logger
}

// Shared is what the tests of a package share.
type Shared struct {
	Plane *controlplane.ControlPlane
	// People is a client that may do anything.
	People client.WithWatch
	// Home is a folder that is gone after the tests. It holds the kubeconfig.
	Home string
	// Kubeconfig is a file with the credentials of somebody who may do anything.
	Kubeconfig string
}

// Main runs what a package's TestMain has to run, and ends the process. Tests whose
// needs are not there fail: a skipped test proves nothing.
func (s Suite) Main(tests func(ctx context.Context, shared Shared) (code int, err error)) {
	log.SetLogger(s.Log)
	klog.SetLogger(s.Log)
	flag.Parse()
	if s.Parallel > 0 {
		if err := flag.Set("test.parallel", strconv.Itoa(s.Parallel)); err != nil {
			panic(err) // only outside a test
		}
	}
	code, err := s.run(tests)
	if err != nil {
		fmt.Fprintln(os.Stderr, "What these tests need, `make test` brings (and `make test-argocd` Argo CD); without it they fail:", err)
		code = 1
	}
	os.Exit(code)
}

func (s Suite) run(tests func(context.Context, Shared) (int, error)) (code int, err error) {
	for _, variable := range s.Needs {
		if os.Getenv(variable) == "" {
			return 1, fmt.Errorf("%s is not set", variable)
		}
	}
	var shared Shared
	if shared.Home, err = os.MkdirTemp("", "uptake-test-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(shared.Home)) }()
	if shared.Plane, err = controlplane.Start(context.Background(), controlplane.Options{CRDs: s.CRDs}); err != nil {
		return 1, err
	}
	defer shared.Plane.Stop() //nolint:errcheck // slow as it may be: the tests have told what matters
	ctx, stop := context.WithCancel(context.Background())
	defer stop()                 // before: an API server waits for those who watch it
	shared.Plane.Config.QPS = -1 // tests ask more than people do
	shared.Kubeconfig = filepath.Join(shared.Home, "kubeconfig")
	if err := os.WriteFile(shared.Kubeconfig, shared.Plane.Kubeconfig, 0o600); err != nil {
		return 1, err
	}
	scheme, err := operator.Scheme()
	if err != nil {
		return 1, err
	}
	if shared.People, err = client.NewWithWatch(shared.Plane.Config, client.Options{Scheme: scheme}); err != nil {
		return 1, err
	}
	return tests(ctx, shared)
}
