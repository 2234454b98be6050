// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/prometheustest"
)

const awayStory = `
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: prometheus}
spec:
  type: Prometheus
  prometheus: {url: "http://ADDRESS"}
  interval: 1s
  adHoc: Allowed
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: usage}
spec:
  objective: Everybody uses it
  accountability: {executiveSponsor: CIO, programOwner: platform}
  sourceRef: {name: prometheus}
  metrics:
  - {name: begun, dimension: Reach, query: {prometheus: {expr: begun}}}
  - {name: held, dimension: Reach, query: {prometheus: {expr: held}}}
  - {name: kept, dimension: Reach, staleAfter: 8s, query: {prometheus: {expr: kept}}}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: active}
spec:
  programRef: {name: usage}
  targets: [{metric: begun, atLeast: "50"}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: holding}
spec:
  programRef: {name: usage}
  targets: [{metric: held, atLeast: "50"}]
  hold: {for: 20s, every: 2s}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: achieved}
spec:
  programRef: {name: usage}
  targets: [{metric: kept, atLeast: "50"}]
  sustain: {for: 2s}
`

func usageSource(t testing.TB, namespace, name string) v1alpha1.UsageSource {
	t.Helper()
	var s v1alpha1.UsageSource
	if err := people.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: name}, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// waitForCondition waits until a condition of an object begins with a text.
func waitForCondition(t testing.TB, namespace, kind, name, conditionType, prefix string) string {
	t.Helper()
	said := ""
	eventually(t, patience, fmt.Sprintf("%s of %s %s is %s", conditionType, kind, name, prefix), func() bool {
		_, list := typoObject(t, kind, namespace, name)
		said = condition(list, conditionType)
		return strings.HasPrefix(said, prefix) && (prefix != "" || said == "")
	}, func() string {
		_, list := typoObject(t, kind, namespace, name)
		return asJSON(list)
	})
	return said
}

// TestASourceThatIsAwayMovesNothing kills a Prometheus under an active, a holding
// and an achieved phase, makes the truth worse for the last meanwhile, and starts
// it again.
func TestASourceThatIsAwayMovesNothing(t *testing.T) {
	one := shareOperator(t)
	namespace := newNamespace(t)
	data := startExporter(t)
	data.set("begun", 10)
	data.set("held", 60)
	data.set("kept", 60)
	server := startPrometheus(t, prometheustest.Options{Target: data.address})
	journal := watchNamespace(t, namespace)
	apply(t, namespace, strings.ReplaceAll(awayStory, "ADDRESS", server.Address))
	reach := func(object, path string) {
		t.Helper()
		eventually(t, patience, object+" to go "+path, func() bool { return journal.Path(object) == path }, func() string { return journal.Path(object) })
	}
	reach("Phase achieved", "Waiting > Active > Holding > Achieved")
	reach("Phase active", "Waiting > Active")
	reach("Phase holding", "Waiting > Active > Holding")
	waitForCondition(t, namespace, "AdoptionProgram", "usage", "SourcesHealthy", "True/Answering")
	waitForCondition(t, namespace, "UsageSource", "prometheus", "Ready", "True/Polling")
	waitForCondition(t, namespace, "Phase", "achieved", "Sustained", "True/Sustained")
	eventually(t, patience, "the first check of the hold", func() bool {
		return phase(t, namespace, "holding").Status.Hold.Checks != ""
	}, func() string { return "" })

	killed := time.Now()
	server.Stop()
	data.set("begun", 90)
	data.set("kept", 1)
	said := waitForCondition(t, namespace, "UsageSource", "prometheus", "Ready", "False/PollsFailing")
	if !strings.Contains(said, "connection refused") || !strings.Contains(said, server.Address) {
		t.Errorf("the source does not say why it fails: %s", said)
	}
	said = waitForCondition(t, namespace, "AdoptionProgram", "usage", "SourcesHealthy", "False/QueryFailing")
	if !strings.Contains(said, "].query: "+server.Address) || !strings.Contains(said, "connection refused") {
		t.Errorf("the program does not say which query fails and why: %s", said)
	}
	_, list := typoObject(t, "AdoptionProgram", namespace, "usage")
	i := slices.IndexFunc(list, func(c metav1.Condition) bool { return c.Type == "SourcesHealthy" })
	if since := list[i].LastTransitionTime; since.Time.Before(killed.Add(-time.Second)) || since.After(time.Now()) {
		t.Errorf("it fails since %s, and the source was killed at %s", since, killed)
	}
	if ready := condition(list, "Ready"); !strings.HasPrefix(ready, "True/") {
		t.Errorf("an outage colours the program itself: %s", ready)
	}
	waitForCondition(t, namespace, "Phase", "achieved", "Sustained", "Unknown/Unknown")
	waitForCondition(t, namespace, "Phase", "achieved", "OnTrack", "Unknown/Unknown") // after staleAfter
	checks := phase(t, namespace, "holding").Status.Hold.Checks
	for object, path := range map[string]string{
		"Phase active": "Waiting > Active", "Phase holding": "Waiting > Active > Holding", "Phase achieved": "Waiting > Active > Holding > Achieved",
	} {
		if now := journal.Path(object); now != path {
			t.Errorf("%s moved without a measurement: %s", object, now)
		}
	}
	if len(checks) >= 10 {
		t.Errorf("the hold was filled without measurements: %s", checks)
	}
	unmoved := theProgram(t, namespace, "usage").Status.Metrics[2]
	if unmoved.Value != "60" || !strings.Contains(unmoved.Unknown, "connection refused") {
		t.Errorf("the last good value should stay, with why there is none now: %s", asJSON(unmoved))
	}

	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	waitForCondition(t, namespace, "UsageSource", "prometheus", "Ready", "True/Polling")
	waitForCondition(t, namespace, "AdoptionProgram", "usage", "SourcesHealthy", "True/Answering")
	reach("Phase active", "Waiting > Active > Holding > Achieved")
	reach("Phase achieved", "Waiting > Active > Holding > Achieved > Regressed")
	reach("Phase holding", "Waiting > Active > Holding > Achieved")
	s := usageSource(t, namespace, "prometheus")
	if condition(s.Status.Conditions, "Reconciling") != "" {
		t.Errorf("the source is still being retried: %s", asJSON(s.Status))
	}
	if about := one.errorsAbout(namespace); len(about) > 0 {
		t.Errorf("errors were logged: %s", strings.Join(about, "\n"))
	}
}

const (
	awayUser     = "uptake"
	awayPassword = "correct horse"
	// awayHash is the bcrypt hash of awayPassword.
	awayHash = "$2a$04$6h559WdXAy5QBXxGsxLTPu1DwML2wJjDH0YhIq6tEBrsDJQeUJYim"
)

// TestCredentialsComeAndChange goes through every mistake with a Secret, mends it
// with the command that the source prints, and rotates the password.
func TestCredentialsComeAndChange(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	data := startExporter(t)
	data.set("users", 60)
	server := startPrometheus(t, prometheustest.Options{
		Target: data.address, WebConfig: fmt.Sprintf("basic_auth_users: {%s: %q}\n", awayUser, awayHash),
	})
	text := strings.NewReplacer("ADDRESS", server.Address)
	apply(t, namespace, text.Replace(`
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: prometheus}
spec:
  type: Prometheus
  prometheus: {url: "http://ADDRESS"}
  interval: 1s
  auth: {basic: {secretRef: {name: login}}}
  allowPlaintext: true
  adHoc: Allowed
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: usage}
spec:
  objective: Everybody uses it
  sourceRef: {name: prometheus}
  metrics:
  - {name: users, dimension: Reach, query: {prometheus: {expr: users}}}
`))
	ready := func(prefix string) string {
		t.Helper()
		return waitForCondition(t, namespace, "UsageSource", "prometheus", "Ready", prefix)
	}
	said := ready("False/SecretForbidden")
	waitForCondition(t, namespace, "AdoptionProgram", "usage", "SourcesHealthy", "False/QueryFailing: spec.metrics[users].query")
	shell(t, remedy(t, said))

	said = ready("False/SecretNotFound")
	if !strings.Contains(said, "there is no Secret "+namespace+"/login: kubectl create secret generic") {
		t.Errorf("it does not say what to create: %s", said)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "login"},
		StringData: map[string]string{"username": awayUser, "pasword": awayPassword},
	}
	if err := people.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	said = ready("False/SecretNotLabelled")
	shell(t, remedy(t, said))

	said = ready("False/KeyNotFound")
	if !strings.Contains(said, `has no key "password"`) {
		t.Errorf("it does not say which key: %s", said)
	}
	give := func(password string) {
		t.Helper()
		encoded := base64.StdEncoding.EncodeToString([]byte(password))
		change(t, &corev1.Secret{}, namespace, "login", fmt.Sprintf(`{"data":{"password":%q}}`, encoded))
	}
	give("wrong horse")
	ready("False/PollsFailing: " + server.Address + " did not accept the credentials")
	give(awayPassword)
	ready("True/Polling")
	waitForCondition(t, namespace, "AdoptionProgram", "usage", "SourcesHealthy", "True/Answering")
	waitForCondition(t, namespace, "UsageSource", "prometheus", "Reconciling", "")
	waitForCondition(t, namespace, "UsageSource", "prometheus", "Stalled", "")
	eventually(t, patience, "a value", func() bool { return theProgram(t, namespace, "usage").Status.Adoption == "60" }, func() string { return "" })
	give("rotated away")
	ready("False/PollsFailing")
	give(awayPassword)
	ready("True/Polling")

	// It opts out again, which is seen without a failed poll, when it is read anew.
	change(t, &corev1.Secret{}, namespace, "login", fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, v1alpha1.SecretLabel))
	saysWhy := func() string {
		_, list := typoObject(t, "UsageSource", namespace, "prometheus")
		return condition(list, "Ready")
	}
	eventually(t, 90*time.Second, "a Secret without the label is used no longer", func() bool {
		return strings.HasPrefix(saysWhy(), "False/SecretNotLabelled")
	}, saysWhy)
	lookThrough(t, namespace)
}
