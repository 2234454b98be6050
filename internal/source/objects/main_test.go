// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/uptake-dev/uptake/internal/controlplane"
)

// started is the control plane that the tests of this package share; each uses
// kinds and namespaces of its own. Benchmarks do without it.
var started *controlplane.ControlPlane

var start = sync.OnceValues(func() (*controlplane.ControlPlane, error) {
	plane, err := controlplane.Start(context.Background(), controlplane.Options{})
	started = plane
	return plane, err
})

func thePlane(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	plane, err := start()
	if err != nil {
		t.Fatalf("a control plane is needed: %v", err)
	}
	return plane
}

func TestMain(m *testing.M) {
	code := m.Run()
	if started != nil {
		if err := started.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
