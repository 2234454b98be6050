// SPDX-License-Identifier: Apache-2.0

// Package playbooks tests the chart of ready-made programs: what it renders, whether
// a real API server takes it, and how each program goes on answers of several months.
package playbooks

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/suitetest"
)

// Folders, seen from this one.
const (
	crdFolder = "../../config/crd/bases"
	chart     = "../../charts/playbooks"
	rbacFile  = "../../config/rbac/inventory.yaml"
)

// helmVariable names the program that renders and installs the chart.
const helmVariable = "UPTAKE_HELM"

// plane is shared by all tests; each has a namespace of its own.
var (
	plane *controlplane.ControlPlane
	// people is a client that may do anything.
	people client.Client
)

func TestMain(m *testing.M) {
	suitetest.Suite{Needs: []string{helmVariable}, CRDs: []string{crdFolder}}.Main(func(_ context.Context, shared suitetest.Shared) (int, error) {
		plane, people = shared.Plane, shared.People
		return m.Run(), nil
	})
}

// newNamespace creates a namespace for one test.
func newNamespace(t *testing.T, c client.Client) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "playbooks-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	return ns.Name
}
