// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"bytes"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/controlplane/controlplanetest"
)

func TestAControlPlaneServesItsAdministratorAndKeepsOthersOut(t *testing.T) {
	var output bytes.Buffer
	plane := controlplanetest.Start(t, controlplane.Options{
		APIServerArgs: map[string][]string{"max-requests-inflight": {"77"}},
		Output:        &output,
	})

	fromKubeconfig, err := clientcmd.RESTConfigFromKubeConfig(plane.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(fromKubeconfig, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var namespaces corev1.NamespaceList
	if err := admin.List(t.Context(), &namespaces); err != nil {
		t.Fatalf("the administrator cannot list namespaces: %v", err)
	}

	user, err := plane.AddUser("guest", "guests")
	if err != nil {
		t.Fatal(err)
	}
	guest, err := client.New(user.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = guest.List(t.Context(), &namespaces)
	if !apierrors.IsForbidden(err) {
		t.Fatalf("a user without any role lists namespaces: %v", err)
	}
}

func TestWithoutItsProgramsAControlPlaneSaysWhatToRun(t *testing.T) {
	t.Setenv(controlplane.AssetsVariable, "")
	_, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err == nil || !strings.Contains(err.Error(), "make test") {
		t.Fatalf("the error does not tell to run make test: %v", err)
	}
}
