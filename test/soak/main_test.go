// SPDX-License-Identifier: Apache-2.0

// Package soak lets an operator run while objects come and go all the time, and looks
// whether anything of it grows. UPTAKE_SOAK says for how long.
package soak

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/operator"
	"github.com/uptake-dev/uptake/internal/suitetest"
)

// Variables that make a process of this test an operator, and say where it writes what
// it uses.
const (
	childVariable = "SOAK_OPERATOR"
	usageVariable = "SOAK_USAGE"
)

var (
	// people is a client that may do anything.
	people client.WithWatch
	// kubeconfig has their credentials.
	kubeconfig string
)

func TestMain(m *testing.M) {
	if namespace := os.Getenv(childVariable); namespace != "" {
		if err := beOperator(namespace); err != nil {
			fmt.Fprintln(os.Stderr, "the operator ended:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	suitetest.Suite{CRDs: []string{"../../config/crd/bases"}}.Main(func(_ context.Context, shared suitetest.Shared) (int, error) {
		people, kubeconfig = shared.People, shared.Kubeconfig
		return m.Run(), nil
	})
}

// beOperator is a process of its own, so that what is measured is the operator's and
// nothing of the test.
func beOperator(namespace string) error {
	ctx := ctrl.SetupSignalHandler()
	ctrl.SetLogger(logr.Discard())
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	mgr, err := operator.New(ctx, config, operator.Options{
		Namespace: namespace, ServiceAccount: "uptake-operator",
		MetricsAddress: "0", ProbeAddress: "0",
		AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		DisplayEvery:     time.Second, CredentialsEvery: 2 * time.Second, MaxConcurrentReconciles: 4,
		LeaderElection: true, Log: logr.Discard(),
	})
	if err != nil {
		return err
	}
	go record(ctx, os.Getenv(usageVariable))
	return mgr.Start(ctx)
}
