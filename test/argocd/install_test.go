// SPDX-License-Identifier: Apache-2.0

//go:build argocd

package argocd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/manifest"
)

// settings are those of an Argo CD without anything. The ConfigMap gets its scripts
// from the patch that config/argocd ships.
const settings = `
apiVersion: v1
kind: Namespace
metadata: {name: argocd}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
data: {application.resourceTrackingMethod: annotation}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-rbac-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
stringData: {server.secretkey: only-for-this-test}
---
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{namespace: "*", server: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
`

func installArgoCD(ctx context.Context) error {
	if err := apply(ctx, settings); err != nil {
		return err
	}
	for _, file := range []string{"../../config/admission/approvals.yaml", "../../config/rbac/people.yaml"} {
		if err := apply(ctx, readFile(file)); err != nil {
			return err
		}
	}
	if err := grantServer(ctx); err != nil {
		return err
	}
	patch, err := yaml.ToJSON([]byte(readFile("../../config/argocd/argocd-cm.yaml")))
	if err != nil {
		return err
	}
	cm := &unstructured.Unstructured{}
	cm.SetAPIVersion("v1")
	cm.SetKind("ConfigMap")
	cm.SetNamespace("argocd")
	cm.SetName("argocd-cm")
	return people.Patch(ctx, cm, client.RawPatch("application/merge-patch+json", patch))
}

// account is that of Argo CD's API server.
const account = "system:serviceaccount:argocd:argocd-server"

// bindings are those of an installation.
const bindings = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: argocd-server}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: argocd-server}
subjects: [{kind: ServiceAccount, namespace: argocd, name: argocd-server}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: argocd-server, namespace: argocd}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: argocd-server}
subjects: [{kind: ServiceAccount, namespace: argocd, name: argocd-server}]
`

// mayApprove lets Argo CD approve for others in a namespace.
const mayApprove = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: argocd-approves, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: uptake-approver-on-behalf}
subjects: [{kind: ServiceAccount, namespace: argocd, name: argocd-server}]
`

// grantServer gives Argo CD's API server the rights that Argo CD's manifests give it.
func grantServer(ctx context.Context) error {
	user, err := plane.AddUser(account, "system:serviceaccounts", "system:serviceaccounts:argocd", "system:authenticated")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(home, "kubeconfig-of-server"), user.Kubeconfig, 0o600); err != nil {
		return err
	}
	roles, err := filepath.Glob(filepath.Join(filepath.Dir(os.Getenv("UPTAKE_ARGOCD")), "roles", "*.yaml"))
	if err != nil || len(roles) != 2 {
		return fmt.Errorf("the roles of argocd-server are %v: %w", roles, err)
	}
	for _, file := range roles {
		text := strings.Replace(readFile(file), "kind: Role\nmetadata:\n", "kind: Role\nmetadata:\n  namespace: argocd\n", 1)
		if err := apply(ctx, text); err != nil {
			return err
		}
	}
	return apply(ctx, bindings)
}

func readFile(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// apply creates or updates what a text holds.
func apply(ctx context.Context, text string) error {
	objects, err := manifest.Read([]byte(text))
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := people.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("people"), client.ForceOwnership); err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// repository is the address of a Git repository in the folder of the test.
func repository() string { return "file://" + filepath.Join(home, "repository") }

// commit makes a commit that has these files in a folder, and no others there.
func commit(folder, message string, files map[string]string) error {
	root := filepath.Join(home, "repository")
	if _, err := os.Stat(root); os.IsNotExist(err) {
		if err := git("init", "--quiet", "--initial-branch=main", root); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(root, folder)); err != nil {
		return err
	}
	for name, text := range files {
		file := filepath.Join(root, folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := git("-C", root, "add", "--all"); err != nil {
		return err
	}
	return git("-C", root, "-c", "user.name=people", "-c", "user.email=people@example.com", "commit", "--quiet", "--allow-empty", "-m", message)
}

func git(args ...string) error {
	if output, err := exec.Command("git", args...).CombinedOutput(); err != nil { //nolint:gosec,noctx // a test's own repository
		return fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}
