// SPDX-License-Identifier: Apache-2.0

// Package operator tests the whole operator on a real API server: as the user
// and with the rights that config/rbac gives it.
package operator

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/demo"
	"github.com/uptake-dev/uptake/internal/operator"
	"github.com/uptake-dev/uptake/internal/suitetest"
	"github.com/uptake-dev/uptake/test/internal/statustest"
)

var (
	plane *controlplane.ControlPlane
	// asOperator are the credentials of the operator.
	asOperator *rest.Config
	// people is a client that may do anything.
	people client.WithWatch
)

func TestMain(m *testing.M) {
	suitetest.Suite{
		CRDs:     []string{"../../config/crd/bases"},
		Parallel: 12,          // they wait more than they work
		Log:      recorded(0), // as in the operator, whose libraries log too
	}.Main(func(ctx context.Context, shared suitetest.Shared) (int, error) {
		plane, people = shared.Plane, shared.People
		if err := grantOperator(ctx); err != nil {
			return 1, err
		}
		code, err := statustest.Run(ctx, people, m)
		if toldAnything() {
			code = 1
		}
		return code, err
	})
}

// grantOperator makes a user with the rights of the operator's ClusterRole and of
// the starter for inventory (nothing aggregates roles without a controller manager).
func grantOperator(ctx context.Context) error {
	const account = "system:serviceaccount:uptake-system:uptake-operator"
	user, err := plane.AddUser(account, "system:serviceaccounts", "system:authenticated")
	if err != nil {
		return err
	}
	asOperator = user.Config
	asOperator.QPS, asOperator.Burst = 200, 400
	if err := grantElection(ctx, account); err != nil {
		return err
	}
	for _, file := range []string{"../../config/rbac/role.yaml", "../../config/rbac/inventory.yaml"} {
		roles, err := clusterRoles(file)
		if err != nil {
			return err
		}
		for _, role := range roles {
			binding := &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: role.Name},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
				Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: account}},
			}
			if err := people.Create(ctx, &role); err != nil {
				return err
			}
			if err := people.Create(ctx, binding); err != nil {
				return err
			}
		}
	}
	return nil
}

// grantElection makes the operator's namespace with its Role for the Lease.
func grantElection(ctx context.Context, account string) error {
	if err := people.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "uptake-system"}}); err != nil {
		return err
	}
	text, err := os.ReadFile("../../config/rbac/leader_election.yaml")
	if err != nil {
		return err
	}
	for _, document := range splitYAML(text) {
		var role rbacv1.Role
		if err := yaml.Unmarshal(document, &role); err != nil {
			return err
		}
		if role.Kind != "Role" {
			continue
		}
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: role.Namespace, Name: role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: account}},
		}
		if err := people.Create(ctx, &role); err != nil {
			return err
		}
		if err := people.Create(ctx, binding); err != nil {
			return err
		}
	}
	return nil
}

func clusterRoles(file string) ([]rbacv1.ClusterRole, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var roles []rbacv1.ClusterRole
	for _, document := range splitYAML(text) {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal(document, &role); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if role.Kind == "ClusterRole" && role.AggregationRule == nil {
			roles = append(roles, role)
		}
	}
	return roles, nil
}

// instance is one process of the operator.
type instance struct {
	cancel context.CancelFunc
	ended  chan error
	err    error // how it ended
}

// startOperator runs an operator until stop is called.
func startOperator(t testing.TB, change func(*operator.Options)) *instance {
	t.Helper()
	i := runOperator(t, asOperator, change)
	t.Cleanup(i.stop)
	return i
}

// runOperator runs an operator with some credentials, beyond the end of a test.
func runOperator(t testing.TB, credentials *rest.Config, change func(*operator.Options)) *instance {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	options := operator.Options{
		Namespace: "uptake-system", ServiceAccount: "uptake-operator", MetricsAddress: "0", ProbeAddress: "0",
		AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, // where the servers of the tests are
		DisplayEvery:     10 * time.Minute, MaxConcurrentReconciles: 4, Log: recorded(10), Registerer: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&options)
	}
	mgr, err := operator.New(ctx, credentials, options)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	i := &instance{cancel: cancel, ended: make(chan error, 1)}
	go func() { i.ended <- mgr.Start(ctx) }()
	return i
}

func (i *instance) stop() {
	i.cancel()
	if i.ended != nil {
		i.err = <-i.ended
		i.ended = nil
	}
}

// newNamespace creates a namespace whose program may count what tests count.
func newNamespace(t testing.TB) string {
	t.Helper()
	ctx := t.Context()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := people.Create(ctx, ns); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { empty(t, ns.Name) })
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: ns.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "uptake-inventory-common"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: ns.Name, Name: "default"}},
	}
	if err := people.Create(ctx, binding); err != nil {
		t.Fatal(err)
	}
	return ns.Name
}

// empty deletes what an operator would work for ever, since nothing collects the
// contents of a namespace here.
func empty(t testing.TB, namespace string) {
	t.Helper()
	lookThrough(t, namespace)
	for _, kind := range []client.Object{
		&v1alpha1.AdoptionProgram{}, &v1alpha1.Phase{}, &v1alpha1.Barrier{}, &v1alpha1.UsageSource{}, &corev1.Service{},
	} {
		if err := people.DeleteAllOf(context.WithoutCancel(t.Context()), kind, client.InNamespace(namespace)); err != nil {
			t.Error(err)
		}
	}
}

// watchNamespace returns a journal of everything that happens from now on.
func watchNamespace(t testing.TB, namespace string) *demo.Journal {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	journal := demo.NewJournal()
	if err := journal.Watch(ctx, people, namespace); err != nil {
		t.Fatal(err)
	}
	return journal
}

// eventually waits for a condition, and fails with what describes the state.
func eventually(t testing.TB, within time.Duration, what string, done func() bool, describe func() string) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("not within %s: %s\n%s", within, what, describe())
}
