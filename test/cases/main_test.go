// SPDX-License-Identifier: Apache-2.0

// Package cases tries situations from public reports of neighbouring projects on the
// whole operator: what sources answered there, and what has to come of it here. The
// inputs are our own; a comment names the report.
package cases

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/databasetest"
	"github.com/uptake-dev/uptake/internal/operatortest"
	"github.com/uptake-dev/uptake/internal/prometheustest"
	"github.com/uptake-dev/uptake/internal/suitetest"
	"github.com/uptake-dev/uptake/test/internal/statustest"
)

// people is a client that may do anything.
var people client.WithWatch

func TestMain(m *testing.M) {
	suitetest.Suite{
		Needs:    []string{prometheustest.ProgramVariable, databasetest.PostgreSQLVariable},
		CRDs:     []string{"../../config/crd/bases"},
		Parallel: 16, // they wait more than they work
	}.Main(func(ctx context.Context, shared suitetest.Shared) (int, error) {
		people = shared.People
		if err := prepare(ctx, shared.Home); err != nil {
			return 1, err
		}
		working, stop := context.WithCancel(ctx)
		ended, err := operatortest.Start(working, shared.Plane.Config)
		if err != nil {
			stop()
			return 1, err
		}
		code, err := statustest.Run(ctx, people, m)
		stop()
		if failure := <-ended; err == nil {
			err = failure
		}
		report.print()
		return code, err
	})
}

// prepare makes the zone, the names and the rights of the tests.
func prepare(ctx context.Context, home string) error {
	if err := writeZone(home); err != nil {
		return err
	}
	if err := answerNames(ctx); err != nil {
		return err
	}
	const name = "test-programs-count"
	for _, o := range []client.Object{
		&rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"namespaces", "configmaps"}, Verbs: []string{"list", "watch"}}},
		},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "system:serviceaccounts"}},
		},
	} {
		if err := people.Create(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// outcomes are what came of the cases, told at the end.
type outcomes struct {
	mu   sync.Mutex
	rows [][2]string
}

var report outcomes

func (o *outcomes) add(of, outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rows = append(o.rows, [2]string{of, strings.Join(strings.Fields(outcome), " ")})
}

func (o *outcomes) print() {
	o.mu.Lock()
	defer o.mu.Unlock()
	fmt.Printf("Report: %d situations from public reports, and what comes of them\n", len(o.rows))
	slices.SortStableFunc(o.rows, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range o.rows {
		_, _ = fmt.Fprintf(table, "  %s\t%s\n", row[0], row[1])
	}
	_ = table.Flush()
}
