// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/prometheustest"
)

// program is one that asks one query.
func program(namespace, name, query string) string {
	return fmt.Sprintf(`
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {namespace: %s, name: %s}
spec:
  objective: Every service is built from the template
  interval: 10s
  serviceAccountName: default
  metrics: [{name: adopted, dimension: Reach, query: {%s}}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {namespace: %s, name: %s}
spec:
  programRef: {name: %s}
  targets: [{metric: adopted, atLeast: "50"}]
`, namespace, name, query, namespace, name, name)
}

// With namespaces the operator needs no right in the whole cluster, measures what can
// be measured so, and says of everything else why not.
func TestSingleNamespaces(t *testing.T) {
	everything := render(t, home, "--set", "namespaces={team-cart}", "--set", "inventory.enabled=true")
	t.Cleanup(func() { remove(t, everything) })
	for _, namespace := range []string{home, "team-cart", "team-ads"} {
		makeNamespace(t, namespace)
	}
	flags := []string{
		"--namespace", home, "--set", "namespaces={team-cart}", "--set", "allowSourceAddresses={127.0.0.1/32}",
		"--set", "sourceCredentials[0].namespace=team-cart", "--set", "sourceCredentials[0].secrets={token}",
	}
	helm(t, append([]string{"install", release, chart}, flags...)...)
	objects := render(t, home, flags...)
	if bound := ofKind(objects, "ClusterRoleBinding"); len(bound) > 0 {
		t.Errorf("there are rights in the whole cluster: %v", identities(bound))
	}
	server, err := prometheustest.Start(prometheustest.Options{})
	if err != nil {
		t.Fatalf("a Prometheus is needed: %v", err)
	}
	t.Cleanup(server.Remove)
	manifests := fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {namespace: team-cart, name: numbers}
data: {adopted: "2026-11-01 12"}
---
apiVersion: v1
kind: Secret
metadata: {namespace: team-cart, name: token, labels: {%s: "true"}}
stringData: {token: anything}
---
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {namespace: team-cart, name: telemetry}
spec:
  type: Prometheus
  prometheus: {url: "http://%s"}
  interval: 10s
  auth: {bearer: {secretKeyRef: {name: token, key: token}}}
  allowPlaintext: true
  adHoc: Allowed
---
apiVersion: uptake.dev/v1alpha1
kind: Barrier
metadata: {namespace: team-cart, name: dns}
spec: {programRef: {name: entered}, summary: DNS needs a ticket, category: Process}
---
apiVersion: uptake.dev/v1alpha1
kind: ClusterUsageSource
metadata: {name: telemetry}
spec:
  type: Prometheus
  prometheus: {url: "http://%s"}
  allowedNamespaces: {from: All}
  adHoc: Allowed
`, v1alpha1.SecretLabel, server.Address, server.Address)
	for namespace, programs := range map[string]map[string]string{
		"team-cart": {
			"entered":  "configMap: {name: numbers, key: adopted}",
			"measured": "sourceRef: {name: telemetry}, prometheus: {expr: vector(7)}",
			"cluster":  "sourceRef: {kind: ClusterUsageSource, name: telemetry}, prometheus: {expr: vector(7)}",
			"selected": "sourceSelector: {kind: ClusterUsageSource, selector: {matchLabels: {a: b}}}, prometheus: {expr: vector(7)}",
			"counted":  "objects: {apiVersion: apps/v1, kind: Deployment}",
		},
		"team-ads": {"elsewhere": "configMap: {name: numbers, key: adopted}"},
	} {
		for _, name := range slices.Sorted(maps.Keys(programs)) {
			manifests += "---" + program(namespace, name, programs[name])
		}
	}
	eventually(t, "the definitions are served", func() error { return start(t, manifests, kubectlProgram(), "apply", "-f", "-").err })
	operator := runOperator(t, objects)

	for name, value := range map[string]string{"entered": "12", "measured": "7"} {
		t.Run(name+" is measured", func(t *testing.T) {
			eventually(t, name+" has a value", func() error {
				if metric := metricOf(t, "team-cart", name); metric.Value != value || metric.Unknown != "" {
					return fmt.Errorf("%+v", metric)
				}
				return nil
			})
		})
	}
	for name, want := range map[string]struct{ reason, says string }{
		"cluster":  {v1alpha1.ReasonSourceNotAllowed, "reads no ClusterUsageSource: use a UsageSource"},
		"selected": {v1alpha1.ReasonSourceNotAllowed, "reads no ClusterUsageSource: use a UsageSource"},
		"counted":  {v1alpha1.ReasonAccessDenied, "inventory.enabled=true"},
	} {
		t.Run(name+" is unknown, with the reason", func(t *testing.T) {
			eventually(t, name+" says why", func() error { return saysWhy(t, name, want.reason, want.says) })
			if metric := metricOf(t, "team-cart", name); metric.Value != "" || metric.Unknown == "" {
				t.Errorf("it is not unknown: %+v", metric)
			}
		})
	}
	t.Run("other namespaces are left alone", func(t *testing.T) {
		if status := programStatus(t, "team-ads", "elsewhere"); status.ObservedGeneration > 0 {
			t.Errorf("it was worked: %+v", status)
		}
	})
	t.Run("nothing is asked that is refused", func(t *testing.T) {
		if refused := operator.said("forbidden"); len(refused) > 0 {
			t.Error(strings.Join(refused, "\n"))
		}
	})
	t.Run("every metric of the alerts and the dashboard is served", func(t *testing.T) {
		eventually(t, "all metrics are there", func() error { return servesAll(t, operator) })
	})
	t.Run("objects are counted when that is wished for", func(t *testing.T) {
		helm(t, append([]string{"upgrade", release, chart, "--set", "inventory.enabled=true"}, flags...)...)
		allowCounting(t)
		eventually(t, "counted has a value", func() error {
			if metric := metricOf(t, "team-cart", "counted"); metric.Value != "1" || metric.Unknown != "" { // the operator's own
				return fmt.Errorf("%+v", metric)
			}
			return nil
		})
	})
}

// allowCounting does what a controller does elsewhere, which is to fill the aggregated
// role, and lets the programs' account list what is counted.
func allowCounting(t *testing.T) {
	t.Helper()
	common := &rbacv1.ClusterRole{}
	if err := people.Get(t.Context(), client.ObjectKey{Name: "uptake-inventory-common"}, common); err != nil {
		t.Fatal(err)
	}
	rules := fmt.Sprintf(`{"rules": %s}`, asJSON(t, common.Rules))
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "uptake-inventory"}}
	if err := people.Patch(t.Context(), role, client.RawPatch(types.MergePatchType, []byte(rules))); err != nil {
		t.Fatal(err)
	}
	reader := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "program-reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: common.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "team-cart", Name: "default"}},
	}
	if err := people.Create(t.Context(), reader); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = people.Delete(context.WithoutCancel(t.Context()), reader) })
}

// saysWhy looks for a reason and a text in the conditions of a program.
func saysWhy(t *testing.T, name, reason, says string) error {
	t.Helper()
	status := programStatus(t, "team-cart", name)
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != "False" || ready.Reason != reason || !strings.Contains(ready.Message, says) {
		return fmt.Errorf("%+v", status.Conditions)
	}
	return nil
}

// servesAll compares the names that are used with those that are served.
func servesAll(t *testing.T, operator *running) error {
	t.Helper()
	served, err := operator.serves(t)
	if err != nil {
		return err
	}
	var missing []error
	for _, name := range slices.Sorted(maps.Keys(metricsInUse(t))) {
		if !served[name] {
			missing = append(missing, errors.New(name))
		}
	}
	return errors.Join(missing...)
}

func programStatus(t *testing.T, namespace, name string) v1alpha1.AdoptionProgramStatus {
	t.Helper()
	found := &v1alpha1.AdoptionProgram{}
	if err := people.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found); err != nil {
		t.Fatal(err)
	}
	return found.Status
}

func metricOf(t *testing.T, namespace, name string) v1alpha1.MetricStatus {
	t.Helper()
	if metrics := programStatus(t, namespace, name).Metrics; len(metrics) == 1 {
		return metrics[0]
	}
	return v1alpha1.MetricStatus{}
}
