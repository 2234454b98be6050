// SPDX-License-Identifier: Apache-2.0

// Package playbooks tests the chart of ready-made programs: what it renders, whether
// a real API server takes it, and how each program goes on answers of several months.
package playbooks

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/controlplane"
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
var plane *controlplane.ControlPlane

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	log.SetLogger(logr.Discard())
	if os.Getenv(helmVariable) == "" {
		fmt.Fprintln(os.Stderr, helmVariable, "is not set, and tests without Helm fail: run `make test`, which builds it first")
		return 1
	}
	var err error
	plane, err = controlplane.Start(context.Background(), controlplane.Options{CRDs: []string{crdFolder}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "A control plane is needed, and tests without one fail:", err)
		return 1
	}
	code := m.Run()
	if err := plane.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "Stopping the control plane:", err)
		return 1
	}
	return code
}

// administrator may do anything on the control plane.
func administrator(t *testing.T) client.Client {
	t.Helper()
	c, err := client.New(plane.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(c.Scheme()); err != nil {
		t.Fatal(err)
	}
	return c
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
