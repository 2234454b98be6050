// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/prometheustest"
)

// team is a namespace with programs that ask sources instead of counting objects.
const team = "team-cart"

// credentials are the values of the chart that let the operator read the Secrets of
// the sources below, and ask a server that is on this machine.
func credentials(namespaces ...string) []string {
	flags := []string{"--set", "allowSourceAddresses={127.0.0.1/32}"}
	for i, namespace := range namespaces {
		entry := fmt.Sprintf("sourceCredentials[%d].", i)
		flags = append(flags, "--set", entry+"namespace="+namespace, "--set", entry+"secrets={token}")
	}
	return flags
}

// source is the manifest of a source with a Secret of its own, and of a program that
// asks it.
func source(kind, secretNamespace, address, more string) string {
	return fmt.Sprintf(`
---
apiVersion: v1
kind: Secret
metadata: {namespace: %s, name: token, labels: {%s: "true"}}
stringData: {token: anything}
---
apiVersion: uptake.dev/v1alpha1
kind: %s
metadata: {namespace: %s, name: telemetry}
spec:
  type: Prometheus
  prometheus: {url: "http://%s"}
  interval: 1s
  auth: {bearer: {secretKeyRef: {name: token, key: token}}}
  allowPlaintext: true
  adHoc: Allowed
  %s
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {namespace: %s, name: asks-%s}
spec:
  objective: Every service is built from the template
  interval: 1s
  metrics:
  - {name: adopted, dimension: Reach, query: {sourceRef: {kind: %s, name: telemetry}, prometheus: {expr: vector(7)}}}
`, secretNamespace, v1alpha1.SecretLabel, kind, secretNamespace, address, more, team, secretNamespace, kind)
}

// entered is the manifest of a program that reads what people enter, with a phase that
// the operator watches after it was achieved.
const entered = `
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {namespace: team-cart, name: entered}
spec:
  objective: Every service is built from the template
  interval: 1s
  metrics: [{name: adopted, dimension: Reach, query: {configMap: {name: numbers, key: adopted}}}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {namespace: team-cart, name: half}
spec:
  programRef: {name: entered}
  targets: [{metric: adopted, atLeast: "10"}]
  sustain: {for: 1s, onRegression: Flag}
`

// settle makes the team's namespace, with a label that a ClusterUsageSource asks for.
func (c *cluster) settle(t *testing.T) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: team, Labels: map[string]string{"telemetry": "true"}}}
	if err := c.people.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
}

// askSources has an operator do what the story does without: ask sources of the kinds
// that it works, with credentials, and read what people enter. A number falls, so that
// the operator opens a barrier as well.
func (c *cluster) askSources(t *testing.T, operator installed, kinds ...string) (log string) {
	t.Helper()
	server, err := prometheustest.Start(prometheustest.Options{})
	if err != nil {
		t.Fatalf("a Prometheus is needed: %v", err)
	}
	t.Cleanup(server.Remove)
	manifests := entered
	for _, kind := range kinds {
		if kind == string(v1alpha1.SourceKindCluster) {
			manifests += source(kind, home, server.Address, `allowedNamespaces: {from: Selector, selector: {matchLabels: {telemetry: "true"}}}`)
			continue
		}
		manifests += source(kind, team, server.Address, "")
	}
	c.apply(t, manifests)
	c.enter(t, "12")
	process := start(t, operator.command)
	for _, kind := range kinds {
		eventually(t, "a "+kind+" is polled", func() error { return c.polled(t, kind) })
	}
	if operator.secure {
		c.scrape(t, operator)
	}
	c.phaseIs(t, v1alpha1.PhaseAchieved)
	c.enter(t, "3")
	c.phaseIs(t, v1alpha1.PhaseRegressed)
	eventually(t, "the operator opens a barrier", func() error {
		var barriers v1alpha1.BarrierList
		if err := c.people.List(t.Context(), &barriers, client.InNamespace(team)); err != nil {
			return err
		}
		if len(barriers.Items) != 1 || barriers.Items[0].Status.State != v1alpha1.BarrierOpen {
			return fmt.Errorf("%+v", barriers.Items)
		}
		return nil
	})
	process.stop()
	return process.log
}

// enter writes a number down, as a person would.
func (c *cluster) enter(t *testing.T, number string) {
	t.Helper()
	yesterday := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	c.apply(t, fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {namespace: %s, name: numbers}
data: {adopted: "%s %s"}
`, team, yesterday, number))
}

// polled says whether a source answers, by the status that the operator writes.
func (c *cluster) polled(t *testing.T, kind string) error {
	t.Helper()
	var conditions []metav1.Condition
	key := client.ObjectKey{Name: "telemetry"}
	if kind == string(v1alpha1.SourceKindCluster) {
		var o v1alpha1.ClusterUsageSource
		if err := c.people.Get(t.Context(), key, &o); err != nil {
			return err
		}
		conditions = o.Status.Conditions
	} else {
		var o v1alpha1.UsageSource
		key.Namespace = team
		if err := c.people.Get(t.Context(), key, &o); err != nil {
			return err
		}
		conditions = o.Status.Conditions
	}
	if ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); ready == nil || ready.Reason != v1alpha1.ReasonPolling {
		return fmt.Errorf("%+v", conditions)
	}
	return nil
}

// phaseIs waits for a state of the team's phase.
func (c *cluster) phaseIs(t *testing.T, state v1alpha1.PhaseState) {
	t.Helper()
	eventually(t, "the phase is "+string(state), func() error {
		var phase v1alpha1.Phase
		if err := c.people.Get(t.Context(), client.ObjectKey{Namespace: team, Name: "half"}, &phase); err != nil {
			return err
		}
		if phase.Status.State != state {
			return fmt.Errorf("%s: %s", phase.Status.State, phase.Status.Summary)
		}
		return nil
	})
}

// leaveTeam removes what the operator did for the team, so that the next one does it anew.
func (c *cluster) leaveTeam(t *testing.T) {
	t.Helper()
	for _, kind := range []client.Object{&v1alpha1.AdoptionProgram{}, &v1alpha1.Phase{}, &v1alpha1.Barrier{}, &v1alpha1.UsageSource{}} {
		if err := c.people.DeleteAllOf(t.Context(), kind, client.InNamespace(team)); err != nil {
			t.Fatal(err)
		}
	}
}
