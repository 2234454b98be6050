// SPDX-License-Identifier: Apache-2.0

// Package controlplanetest starts a control plane for one test.
package controlplanetest

import (
	"testing"

	"github.com/uptake-dev/uptake/internal/controlplane"
)

// Start starts a control plane that is stopped when the test ends. A test that
// needs one and cannot have it fails: a skipped test proves nothing.
func Start(t testing.TB, options controlplane.Options) *controlplane.ControlPlane {
	t.Helper()
	plane, err := controlplane.Start(t.Context(), options)
	if err != nil {
		t.Fatalf("a control plane is needed: %v", err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Errorf("stopping the control plane: %v", err)
		}
	})
	return plane
}
