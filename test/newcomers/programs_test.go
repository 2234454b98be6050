// SPDX-License-Identifier: Apache-2.0

package newcomers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// program and phase are right in every point.
const program = `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: golden}
spec:
  objective: Ten services
  accountability: {executiveSponsor: CIO, programOwner: platform}
  interval: 1s
  population: {count: 10}
  metrics:
  - name: adopted
    dimension: Reach
    rate: {active: {objects: {apiVersion: v1, kind: Service, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}}}}
`

const phase = `
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: pilot}
spec:
  programRef: {name: golden}
  targets: [{metric: adopted, atLeast: "30%"}]
`

const barrier = `
---
apiVersion: uptake.dev/v1alpha1
kind: Barrier
metadata: {name: no-databases}
spec:
  programRef: {name: golden}
  summary: The template has no databases
  category: Technical
  severity: Blocking
  owner: platform
`

const ref, bound = "programRef: {name: golden}", `atLeast: "30%"`

// segmented is the program in segments.
var segmented = replaced(program, "  interval: 1s\n", "  interval: 1s\n  segments: [{name: staff}, {name: faculty}]\n")

func target(value string) string { return program + replaced(phase, bound, "atLeast: "+value) }

// counting is the program with other objects counted.
func counting(objects string) string {
	return replaced(program, "apiVersion: v1, kind: Service", objects)
}

// inPrograms are mistakes in what programs and phases say, and in what is counted.
var inPrograms = []mistake{
	{
		row: 1, what: "targets under programRef", server: true, says: []string{`unknown field "spec.programRef.targets"`},
		text: program + replaced(phase, ref, "programRef:\n    name: golden\n    targets: []"),
	},
	{
		row: 1, what: "hold under a target", server: true, says: []string{`unknown field "spec.targets[0].hold"`},
		text: target(`"30%", hold: {for: 7d}`),
	},
	{
		row: 1, what: "rate beside metrics", server: true, says: []string{`unknown field "spec.rate"`},
		text: program + "  rate: {}\n",
	},
	{
		row: 2, what: "a phase in another namespace", text: phase,
		says: []string{`there is no AdoptionProgram "golden" in this namespace`},
	},
	{row: 3, what: `atLeast: "50"`, text: target(`"50"`), says: []string{"spec.targets[0].atLeast", `write "50%"`}},
	{row: 4, what: `atLeast: "0.8"`, text: target(`"0.8"`), says: []string{"spec.targets[0].atLeast", `write "80%"`}},
	{
		row: 5, what: "atLeast: 50 unquoted", text: target(`50`), server: true, says: []string{"spec.targets[0].atLeast", "must be of type string"},
		fair: "the API server's own words: not that quotes are missing",
	},
	{
		row: 5, what: "for: 14 unquoted", text: target(`"30%"`) + "  hold: {for: 14}\n", server: true, says: []string{"spec.hold.for", "must be of type string"},
		fair: "the API server's own words: not that quotes are missing",
	},
	{row: 6, what: "150%", text: target(`"150%"`), says: []string{"from 0% to 100%"}},
	{row: 6, what: "-5%", text: target(`"-5%"`), says: []string{"from 0% to 100%"}},
	{row: 7, what: `"80 %"`, text: target(`"80 %"`), server: true, says: []string{"spec.targets[0].atLeast", "a percentage that ends in % (60%)"}},
	{row: 7, what: `"80,5%"`, text: target(`"80,5%"`), server: true, says: []string{"spec.targets[0].atLeast", "a value is a decimal (12, 0.5)"}},
	{
		row: 8, what: "apiVersion apps/v1beta2", text: counting("apiVersion: apps/v1beta2, kind: Deployment"),
		says: []string{"does not serve the kind Deployment of apps/v1beta2", "apps/v1"},
	},
	{
		row: 8, what: "kind deployment", text: counting("apiVersion: apps/v1, kind: deployment"),
		says: []string{"does not serve the kind deployment of apps/v1", "it serves Deployment"},
	},
	{row: 9, what: "kind Namespaces", text: counting("apiVersion: v1, kind: Namespaces"), says: []string{"it serves Namespace"}},
	{row: 9, what: "kind namespace", text: counting("apiVersion: v1, kind: namespace"), says: []string{"it serves Namespace"}},
	{row: 9, what: "kind deployments", text: counting("apiVersion: apps/v1, kind: deployments"), says: []string{"it serves Deployment"}},
	{
		row: 10, what: "a label that nobody has", works: true,
		text: counting("apiVersion: v1, kind: Service, labelSelector: {matchLabels: {golden: path}}") + phase, says: []string{"Nothing is counted for adopted: no Service carries the label golden of labelSelector"},
	},
	{
		row: 11, what: "segmentBy with a label that nobody has",
		text: replaced(counting("apiVersion: v1, kind: Service"), "population: {count: 10}",
			"population: {query: {objects: {apiVersion: v1, kind: Service}}}\n  segmentsFrom: Population\n  segmentBy: {namespaceLabel: teem}") + phase,
		says: []string{"teem"},
	},
	{
		row: 12, what: "a service account without the right", text: counting("apiVersion: v1, kind: ConfigMap"),
		says: []string{"service account default may not count configmaps", "kubectl create clusterrole ", "kubectl create clusterrolebinding "},
	},
	{
		row: 13, what: "a service account that does not exist", text: replaced(program, "  interval: 1s\n", "  interval: 1s\n  serviceAccountName: counter\n"),
		says: []string{"correct serviceAccountName or kubectl create serviceaccount -n ", "kubectl create clusterrole "},
	},
	{row: 14, what: "counting Secrets", text: counting("apiVersion: v1, kind: Secret"), server: true, says: []string{"count something that is not secret"}},
	{
		row: 15, what: "two phases with one metric", works: true, text: program + phase + replaced(phase, "name: pilot", "name: wave"),
		says: []string{"Achieved"},
	},
	{
		row: 16, what: "two metrics with one name", server: true, says: []string{"spec.metrics[1]", "Duplicate value", "adopted"},
		text: program + "  - {name: adopted, dimension: Depth, query: {configMap: {name: a, key: b}}}\n",
	},
	{
		row: 16, what: "name: n", server: true, says: []string{"spec.metrics[1].name", "must be of type string"},
		text: program + "  - {name: n, dimension: Depth, query: {configMap: {name: a, key: b}}}\n",
		fair: "the API server's own words: YAML's n is false, and quotes are missing",
	},
	{
		row: 19, what: "phases that wait for each other", says: []string{"the phases wait for each other (pilot -> wave -> pilot)", "take one dependency out"},
		text: program + phase + "  dependsOn: [wave]\n" + replaced(phase, "name: pilot", "name: wave") + "  dependsOn: [pilot]\n",
	},
	{
		row: 19, what: "a phase that waits for itself", says: []string{"(pilot -> pilot)", "take one dependency out"},
		text: program + phase + "  dependsOn: [pilot]\n",
	},
	{
		row: 20, what: "dependsOn: [ph1], which is not there", says: []string{`spec.dependsOn[0]: there is no phase "ph1"`},
		text: program + phase + "  dependsOn: [ph1]\n",
	},
	{
		row: 20, what: "dependsOn: [{name: ph1}]", server: true, says: []string{`unknown field "spec.dependsOn[0].name"`},
		text: program + phase + "  dependsOn: [{name: ph1}]\n", fair: "the API server's own words: a name is wanted, and not an object that has one",
	},
	{
		row: 20, what: "dependsOn: ph1", server: true, says: []string{"spec.dependsOn", "array"},
		text: program + phase + "  dependsOn: ph1\n",
	},
}

// inReferences are mistakes in what names something else, and in decisions.
var inReferences = []mistake{
	{
		row: 43, what: "an annotation for a gate that is not there", says: []string{"policy-publishd", "policy-published"},
		text: program + replaced(phase, "metadata: {name: pilot}", "metadata: {name: pilot, annotations: {approval.uptake.dev/policy-publishd: jo}}") +
			"  gates: [{name: policy-published, at: Start}]\n", works: true,
	},
	{
		row: 43, what: "an approval in another name", server: true, says: []string{"an approval holds the name of who approves: write "},
		text: program + phase + "  gates: [{name: policy-published, at: Start}]\n",
		then: func(t *testing.T, namespace string) error {
			t.Helper()
			return approveAs(t, namespace, "jo@example.com", "cio@example.com")
		},
	},
	{
		row: 44, what: "category Tecnical", text: program + replaced(barrier, "Technical", "Tecnical"), server: true,
		says: []string{"spec.category", `"Technical"`},
	},
	{
		row: 44, what: "severity Blocker", text: program + replaced(barrier, "Blocking", "Blocker"), server: true,
		says: []string{"spec.severity", `"Blocking"`},
	},
	{
		row: 45, what: "a barrier for a phase that is not there", text: program + phase + barrier + "  phases: [pilto]\n",
		says: []string{"pilto", `the nearest name is "pilot"`},
	},
	{
		row: 46, what: "a program is deleted", text: program + phase, says: []string{`there is no AdoptionProgram "golden"`},
		then: func(t *testing.T, namespace string) error {
			t.Helper()
			return people.Delete(t.Context(), &v1alpha1.AdoptionProgram{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "golden"}})
		},
	},
	{
		row: 46, what: "programRef is changed", text: program + phase, server: true, says: []string{"programRef is immutable", "checkpoint"},
		then: func(t *testing.T, namespace string) error {
			t.Helper()
			o := &v1alpha1.Phase{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pilot"}}
			return people.Patch(t.Context(), o, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"programRef":{"name":"other"}}}`)))
		},
	},
	{row: 46, what: "the phase before its program", text: phase + "---" + program, works: true, says: []string{"Achieved"}},
	{row: 47, what: "a metric", text: program + replaced(phase, "metric: adopted", "metric: adoptd"), says: []string{`the nearest name is "adopted"`}},
	{row: 47, what: "a segment", text: segmented + phase + "  segments: [stff]\n", says: []string{`the nearest name is "staff"`}},
	{
		row: 47, what: "a segment, and nothing is near", text: segmented + phase + "  segments: [engineering]\n",
		says: []string{`there is no segment "engineering"`, "faculty", "staff"},
	},
	{
		row: 47, what: "a phase", text: program + phase + replaced(phase, "name: pilot", "name: wave") + "  dependsOn: [pilto]\n",
		says: []string{`the nearest name is "pilot"`},
	},
	{
		row: 47, what: "a source", text: program + "  - {name: other, dimension: Depth, query: {sourceRef: {name: prom}, prometheus: {expr: \"1\"}}}\n---" + prometheus,
		says: []string{`there is no UsageSource "prom"; there is prometheus`},
	},
	{
		row: 48, what: "an audience, and a metric that is one number", text: segmented + phase + "  segments: [staff]\n",
		works: true,
		says:  []string{"they have no effect, since adopted is that of everybody", "write population.query with segmentBy in place of population.count", "take segments out"},
	},
}

// approveAs approves as somebody who may, in somebody's name.
func approveAs(t *testing.T, namespace, user, name string) error {
	t.Helper()
	credentials, err := plane.AddUser(user, "system:authenticated")
	if err != nil {
		t.Fatal(err)
	}
	create(t, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "approvers"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"phases"}, Verbs: []string{"get", "patch", "approve"}}},
	}, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "approvers"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "approvers"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	})
	approver, err := client.New(credentials.Config, client.Options{Scheme: people.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	approval := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"approval.uptake.dev/policy-published":"`+name+`"}}}`))
	// A policy works some time after it was created.
	for end := time.Now().Add(patience); err == nil && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		o := &v1alpha1.Phase{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pilot"}}
		err = approver.Patch(t.Context(), o, approval, client.DryRunAll)
	}
	return err
}

// secret makes a Secret, for sources unless it has to lack the label.
func secret(name string, labelled bool, data map[string]string) func(*testing.T, string) {
	return func(t *testing.T, namespace string) {
		t.Helper()
		o := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, StringData: data}
		if labelled {
			o.Labels = map[string]string{v1alpha1.SecretLabel: "true"}
		}
		create(t, o)
	}
}
