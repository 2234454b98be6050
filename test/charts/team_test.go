// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// adminParts are what a controller, which does not run here, puts together to `admin`.
var adminParts = []string{"view", "edit", "admin"}

// Somebody who is admin of a namespace and of nothing else installs the operator there,
// with the commands of the documentation, once an administrator has run theirs.
func TestATeamInstallsForItself(t *testing.T) {
	var prepare, install string
	for _, block := range fences(t, "docs/install.md", "sh") {
		switch {
		case strings.Contains(block, "uptake-installers"):
			prepare = block
		case strings.Contains(block, "helm install uptake-cart"):
			install = strings.TrimSpace(block) + " --kube-as-user kim --kube-as-group team-cart --kube-as-group system:authenticated"
		}
	}
	if prepare == "" || install == "" {
		t.Fatalf("docs/install.md does not say how: %q, %q", prepare, install)
	}
	makeNamespace(t, "team-cart")
	for _, part := range adminParts {
		kubectl(t, "", "create", "rolebinding", part, "--namespace", "team-cart", "--clusterrole", "system:aggregate-to-"+part, "--group", "team-cart")
	}
	cluster := documents(t, kustomize(t, "config/crd"))
	cluster = append(cluster, documents(t, kustomize(t, "config/admission"))...)
	for _, file := range []string{"users.yaml", "role.yaml"} {
		cluster = append(cluster, documents(t, readFile(t, filepath.Join(repository, "config/rbac", file)))...)
	}
	t.Cleanup(func() { remove(t, cluster) })

	program, err := filepath.Abs(os.Getenv("UPTAKE_HELM"))
	if err != nil {
		t.Fatal(err)
	}
	install = "cd " + repository + " && " + strings.Replace(install, "helm ", program+" ", 1)
	refused := start(t, "", "bash", "-euc", install)
	if refused.err == nil || !strings.Contains(refused.problems, "attempting to grant RBAC permissions not currently held") {
		t.Errorf("without the administrator: %s", refused.problems)
	}
	helm(t, "uninstall", "uptake-cart", "--namespace", "team-cart")

	shell(t, repository, prepare)
	eventually(t, "the team may install", func() error {
		if o := start(t, "", "bash", "-euc", strings.Replace(install, " install ", " upgrade --install ", 1)); o.err != nil {
			return fmt.Errorf("%w: %s", o.err, o.problems)
		}
		return nil
	})
	for _, o := range documents(t, helm(t, "get", "manifest", "uptake-cart", "--namespace", "team-cart")) {
		if o.GetNamespace() != "team-cart" {
			t.Errorf("%s belongs to the cluster", identity(o))
		}
		if err := people.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Errorf("%s: %v", identity(o), err)
		}
	}
	must(t, "", os.Getenv("UPTAKE_HELM"), "uninstall", "uptake-cart", "--namespace", "team-cart", "--kube-as-user", "kim", "--kube-as-group", "team-cart")
	kubectl(t, "", append([]string{"delete", "rolebinding", "--namespace", "team-cart", "uptake-installers"}, adminParts...)...)
}
