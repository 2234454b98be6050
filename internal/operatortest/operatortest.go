// SPDX-License-Identifier: Apache-2.0

// Package operatortest runs the operator in the process of a test.
package operatortest

import (
	"context"
	"net/netip"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/uptake-dev/uptake/internal/operator"
)

// Start runs an operator without leader election, which shows values every second and
// may ask sources on this machine, until the context ends. How it ended is told then.
func Start(ctx context.Context, cluster *rest.Config) (<-chan error, error) {
	mgr, err := operator.New(ctx, cluster, operator.Options{
		Namespace: "uptake-system", ServiceAccount: "uptake-operator", MetricsAddress: "0", ProbeAddress: "0",
		AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		DisplayEvery:     time.Second, CredentialsEvery: time.Second, MaxConcurrentReconciles: 4,
		Log: logr.Discard(), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	return ended, nil
}
