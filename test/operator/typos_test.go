// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// typoProgram is right in every point; a typo changes one of the places in
// capital letters.
const typoProgram = `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: services}
spec:
  objective: Ten services
  accountability: {executiveSponsor: CIO, programOwner: platform}
  interval: 1s
  population: {count: 10}
  segments: [{name: staff}, {name: guests}]
  CALENDAR
  metrics:
  - name: adopted
    dimension: Reach
    rate:
      active:
        objects:
          apiVersion: v1
          kind: Service
          namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
  - name: other
    dimension: Depth
    query: QUERY
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: bystander}
spec:
  programRef: {name: services}
  targets: [{metric: adopted, atLeast: "30%"}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: pilot}
spec:
  programRef: {name: services}
  targets: [TARGET]
  PHASE
---
apiVersion: uptake.dev/v1alpha1
kind: Barrier
metadata: {name: barrier}
spec:
  programRef: {name: services}
  summary: Hardly anybody has started
  category: Awareness
  owner: platform
  BARRIER
---
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {name: mimir}
spec:
  type: Prometheus
  prometheus: {url: "http://127.0.0.1:1"}
  adHoc: Denied
  queries:
  - {name: active-users, prometheus: {expr: "1"}}
  - {name: sessions, prometheus: {expr: "2"}}
`

// typoPlaces are the objects that have the places, and what stands there.
var typoPlaces = map[string]struct{ kind, name, text string }{
	"CALENDAR": {"AdoptionProgram", "services", `timeZone: Europe/Zurich`},
	"QUERY":    {"AdoptionProgram", "services", countingServices},
	"TARGET":   {"Phase", "pilot", `{metric: adopted, atLeast: "30%"}`},
	"PHASE":    {"Phase", "pilot", ``},
	"BARRIER":  {"Barrier", "barrier", ``},
}

// typoText is the program with something else in one place.
func typoText(place, text string) string {
	var replace []string
	for each, is := range typoPlaces {
		if each == place {
			is.text = text
		}
		replace = append(replace, " "+each+"\n", " "+is.text+"\n", "["+each+"]", "["+is.text+"]")
	}
	return strings.NewReplacer(replace...).Replace(typoProgram)
}

const countingServices = `{objects: {apiVersion: v1, kind: Service, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}}}`

// counting is a query with one member more.
func counting(member string) string {
	return strings.Replace(countingServices, "kind: Service", "kind: Service, "+member, 1)
}

type typo struct {
	place, wrong, right string
	// state is Stalled or Reconciling.
	state, reason string
	// says are parts of the message: the field, and what to do.
	says []string
}

func stalled(place, wrong, right, reason string, says ...string) typo {
	return typo{place, wrong, right, "Stalled", reason, says}
}

func reconciling(place, wrong, right, reason string, says ...string) typo {
	return typo{place, wrong, right, "Reconciling", reason, says}
}

const target = `{metric: adopted, atLeast: "30%"}`

var typos = map[string]typo{
	"a metric": stalled("TARGET", `{metric: adoptd, atLeast: "30%"}`, target, v1alpha1.ReasonMetricNotFound,
		`spec.targets[0].metric: there is no metric "adoptd"; the nearest name is "adopted"`),
	"a dependency": reconciling("PHASE", `dependsOn: [bystandr]`, `dependsOn: [bystander]`, v1alpha1.ReasonDependencyNotFound,
		`spec.dependsOn[0]: there is no phase "bystandr"; the nearest name is "bystander"`),
	"a segment": stalled("TARGET", target+"]\n  segments: [stuff", target, v1alpha1.ReasonSegmentNotFound,
		`spec.segments[0]: there is no segment "stuff"; the nearest name is "staff"`),
	"a segment of a target": stalled("TARGET", `{metric: adopted, atLeast: "30%", segments: [gests]}`, target, v1alpha1.ReasonSegmentNotFound,
		`spec.targets[0].segments[0]: there is no segment "gests"; the nearest name is "guests"`),
	"a percentage without its sign": stalled("TARGET", `{metric: adopted, atLeast: "60"}`, target, v1alpha1.ReasonInvalidSpec,
		"spec.targets[0].atLeast", `write "60%"`),
	"a percentage of a number": stalled("TARGET", `{metric: other, atMost: "3%"}`, target, v1alpha1.ReasonInvalidSpec,
		"spec.targets[0].atMost", `write "3"`),
	"a circle": stalled("PHASE", `dependsOn: [pilot]`, ``, v1alpha1.ReasonDependencyCycle,
		"spec.dependsOn: the phases wait for each other (pilot -> pilot)", "take one dependency out"),
	"a day that does not exist": stalled("PHASE", `notBefore: "2026-02-30"`, `notBefore: "2026-02-28"`, v1alpha1.ReasonInvalidSpec,
		`spec.notBefore: "2026-02-30" is not a date: write a day that exists`),
	"too many checks": stalled("PHASE", `hold: {for: 14d, every: 1h}`, `hold: {for: 1s}`, v1alpha1.ReasonInvalidSpec,
		"spec.hold.every: 1h in 14d are more than 100 checks", "check every 3h21m36s or less often"),
	"a check that is longer than the hold": stalled("PHASE", `hold: {for: 1d, every: 2d}`, `hold: {for: 1s, every: 1s}`, v1alpha1.ReasonInvalidSpec,
		"spec.hold.every: 2d is longer than hold.for (1d)"),
	"more misses than checks": stalled("PHASE", `hold: {for: 10d, every: 1d, missesAllowed: 10}`, `hold: {for: 1s}`, v1alpha1.ReasonInvalidSpec,
		"spec.hold.missesAllowed: 10 misses of 10 checks are no hold: allow fewer"),
	"a margin of another format": stalled("PHASE", `sustain: {for: 1d, margin: "5"}`, `sustain: {for: 1d, margin: "5%"}`, v1alpha1.ReasonInvalidSpec,
		"spec.sustain.margin", `write "5%"`),
	"a phase of a barrier": reconciling("BARRIER", `phases: [pilto]`, `phases: [pilot]`, v1alpha1.ReasonPhaseNotFound,
		`spec.phases[0]: there is no phase "pilto"; the nearest name is "pilot"`),
	"a metric of a barrier": stalled("BARRIER", `detect: {metric: adopte, atMost: "1%"}`, `detect: {metric: adopted, atMost: "1%"}`, v1alpha1.ReasonMetricNotFound,
		`spec.detect.metric: there is no metric "adopte"; the nearest name is "adopted"`),
	"a selector": stalled("QUERY", counting(`labelSelector: {matchExpressions: [{key: app, operator: Inn, values: [shop]}]}`),
		counting(`labelSelector: {matchExpressions: [{key: app, operator: In, values: [shop]}]}`), v1alpha1.ReasonInvalidQuery,
		"spec.metrics[other].query: labelSelector:", "Inn"),
	"a condition that does not compile": stalled("QUERY", counting(`where: "object.spec.type = 'ExternalName'"`),
		counting(`where: "object.spec.type == 'ExternalName'"`), v1alpha1.ReasonInvalidQuery,
		"spec.metrics[other].query: where, line 1, column 18"),
	"a condition on an unknown variable": stalled("QUERY", counting(`where: "objct.spec.type == 'ExternalName'"`),
		counting(`where: "object.spec.type == 'ExternalName'"`), v1alpha1.ReasonInvalidQuery,
		"spec.metrics[other].query: where, line 1, column 1", "objct"),
	"an apiVersion": stalled("QUERY", `{objects: {apiVersion: a/b/c, kind: Service}}`, countingServices, v1alpha1.ReasonInvalidQuery,
		"spec.metrics[other].query: apiVersion: write group/version"),
	"a kind": reconciling("QUERY", `{objects: {apiVersion: v1, kind: Services}}`, countingServices, v1alpha1.ReasonNotServed,
		"spec.metrics[other].query: the cluster does not serve the kind Services of v1; it serves Service"),
	"a source": reconciling("QUERY", `{sourceRef: {name: mimr}, named: {name: sessions}}`,
		`{sourceRef: {name: mimir}, named: {name: sessions}}`, v1alpha1.ReasonSourceNotFound,
		`spec.metrics[other].query: sourceRef: there is no UsageSource "mimr"; the nearest name is "mimir"`),
	"no source": stalled("QUERY", `{named: {name: sessions}}`, `{sourceRef: {name: mimir}, named: {name: sessions}}`, v1alpha1.ReasonInvalidSpec,
		`spec.metrics[other].query: no sourceRef: name the source here or in spec.sourceRef`),
	"a named query": stalled("QUERY", `{sourceRef: {name: mimir}, named: {name: active-uses}}`,
		`{sourceRef: {name: mimir}, named: {name: active-users}}`, v1alpha1.ReasonQueryNotFound,
		"spec.metrics[other].query", `has no query "active-uses"; the nearest name is "active-users"`),
	"an expression of one's own": stalled("QUERY", `{sourceRef: {name: mimir}, prometheus: {expr: up}}`,
		`{sourceRef: {name: mimir}, named: {name: active-users}}`, v1alpha1.ReasonSourceNotAllowed,
		"spec.metrics[other].query", "allows named queries only", "named: {name: ...}", "active-users, sessions"),
	"a time zone": stalled("CALENDAR", `timeZone: Europe/Zuerich`, `timeZone: Europe/Zurich`, v1alpha1.ReasonInvalidSpec,
		`spec.timeZone: "Europe/Zuerich" is not an IANA time zone`),
	"a day of a freeze": stalled("CALENDAR", `freezes: [{from: "2025-02-28", to: "2025-02-29", reason: x}]`,
		`freezes: [{from: "2025-02-27", to: "2025-02-28", reason: x}]`, v1alpha1.ReasonInvalidSpec,
		`spec.freezes[0].to: "2025-02-29" is not a date: write a day that exists`),
	"a freeze the wrong way round": stalled("CALENDAR", `freezes: [{from: "2025-03-01", to: "2025-02-01", reason: x}]`,
		`freezes: [{from: "2025-02-01", to: "2025-03-01", reason: x}]`, v1alpha1.ReasonInvalidSpec,
		`spec.freezes[0]: to is before from: exchange them`),
}

// typoObject is an object whose conditions are looked at.
func typoObject(t testing.TB, kind, namespace, name string) (client.Object, []metav1.Condition) {
	t.Helper()
	key := types.NamespacedName{Namespace: namespace, Name: name}
	switch kind {
	case "Phase":
		o := phase(t, namespace, name)
		return &o, o.Status.Conditions
	case "Barrier":
		o := barrier(t, namespace, name)
		return &o, o.Status.Conditions
	case "UsageSource":
		var o v1alpha1.UsageSource
		if err := people.Get(t.Context(), key, &o); err != nil {
			t.Fatal(err)
		}
		return &o, o.Status.Conditions
	default:
		o := theProgram(t, namespace, name)
		return &o, o.Status.Conditions
	}
}

// correct gives an object the spec that it should have had.
func correct(t testing.TB, namespace, text, kind, name string) {
	t.Helper()
	for _, right := range parse(t, namespace, text) {
		if right.GetKind() != kind || right.GetName() != name {
			continue
		}
		eventually(t, patience, "the correction", func() bool {
			now := &unstructured.Unstructured{}
			now.SetGroupVersionKind(right.GroupVersionKind())
			if err := people.Get(t.Context(), client.ObjectKeyFromObject(right), now); err != nil {
				t.Fatal(err)
			}
			now.Object["spec"] = right.Object["spec"]
			err := people.Update(t.Context(), now)
			if err != nil && !apierrors.IsConflict(err) {
				t.Fatal(err)
			}
			return err == nil
		}, func() string { return text })
	}
}

// TestATypoIsToldAndHurtsNobodyElse makes one mistake at a time: the object says
// which field it is and what to write, an event warns, the other phases are
// achieved (unless it is about the calendar, which holds for all), and when the
// mistake is gone nothing of it stays.
func TestATypoIsToldAndHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	for name, mistake := range typos {
		t.Run(name, func(t *testing.T) {
			shareOperator(t)
			namespace, object := newNamespace(t), typoPlaces[mistake.place]
			services(t, namespace, 5)
			apply(t, namespace, typoText(mistake.place, mistake.wrong))
			told(t, namespace, object.kind, object.name, mistake)
			if mistake.place == "CALENDAR" { // when a freeze is, is not known
				eventually(t, patience, "the others wait for the correction", func() bool {
					return strings.Contains(phase(t, namespace, "bystander").Status.WaitsFor, "a correction of the program's time zone or freezes")
				}, func() string { return asJSON(phase(t, namespace, "bystander").Status) })
			} else {
				achieved(t, namespace, "bystander")
			}
			correct(t, namespace, typoText(mistake.place, mistake.right), object.kind, object.name)
			forgotten(t, namespace, object.kind, object.name)
			achieved(t, namespace, "pilot")
			achieved(t, namespace, "bystander")
		})
	}
}

// told waits until an object says what is wrong with it.
func told(t testing.TB, namespace, kind, name string, mistake typo) {
	t.Helper()
	eventually(t, patience, "the mistake is told", func() bool {
		o, conditions := typoObject(t, kind, namespace, name)
		message := condition(conditions, mistake.state)
		if !strings.HasPrefix(message, "True/"+mistake.reason+": ") {
			return false
		}
		ready := condition(conditions, "Ready")
		if ready != strings.Replace(message, "True/", "False/", 1) {
			t.Errorf("Ready says %q, and %s says %q", ready, mistake.state, message)
		}
		for _, both := range []string{"Stalled", "Reconciling"} {
			if both != mistake.state && condition(conditions, both) != "" {
				t.Errorf("it is %s as well: %s", both, condition(conditions, both))
			}
		}
		for _, words := range mistake.says {
			if !strings.Contains(message, words) { // what is nearest may not be there yet
				return false
			}
		}
		// What is nearest may have come after the event.
		field := strings.Fields(message)[1]
		eventually(t, patience, "a warning", func() bool {
			return slices.ContainsFunc(eventsOf(t, o, mistake.reason), func(e corev1.Event) bool {
				return e.Type == corev1.EventTypeWarning && strings.HasPrefix(e.Message, field)
			})
		}, func() string { return message })
		return true
	}, func() string {
		_, conditions := typoObject(t, kind, namespace, name)
		return asJSON(mistake.says) + asJSON(conditions)
	})
}

// forgotten waits until nothing of a mistake is left.
func forgotten(t testing.TB, namespace, kind, name string) {
	t.Helper()
	eventually(t, patience, "the mistake is forgotten", func() bool {
		_, conditions := typoObject(t, kind, namespace, name)
		return condition(conditions, "Stalled") == "" && condition(conditions, "Reconciling") == "" &&
			strings.HasPrefix(condition(conditions, "Ready"), "True/")
	}, func() string {
		_, conditions := typoObject(t, kind, namespace, name)
		return asJSON(conditions)
	})
}

func achieved(t testing.TB, namespace, name string) {
	t.Helper()
	eventually(t, patience, "phase "+name+" is achieved", func() bool {
		return phase(t, namespace, name).Status.State == v1alpha1.PhaseAchieved
	}, func() string { return asJSON(phase(t, namespace, name).Status) })
}

// TestAPhaseUnderAMisspeltProgram is told the nearest program; programRef is
// immutable, so that it is fixed by creating the program that it names.
func TestAPhaseUnderAMisspeltProgram(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	services(t, namespace, 5)
	apply(t, namespace, program)
	phases := `
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: NAME}
spec:
  programRef: {name: PROGRAM}
  targets: [{metric: adopted, atLeast: "30%"}]
`
	apply(t, namespace, strings.NewReplacer("NAME", "lost", "PROGRAM", "servces").Replace(phases))
	apply(t, namespace, strings.NewReplacer("NAME", "bystander", "PROGRAM", "services").Replace(phases))
	mistake := typo{
		state: "Reconciling", reason: v1alpha1.ReasonProgramNotFound,
		says: []string{`spec.programRef.name: there is no AdoptionProgram "servces"`, `the nearest name is "services"`},
	}
	told(t, namespace, "Phase", "lost", mistake)
	achieved(t, namespace, "bystander")
	apply(t, namespace, strings.Replace(program, "{name: services}", "{name: servces}", 1))
	forgotten(t, namespace, "Phase", "lost")
	achieved(t, namespace, "lost")
}

// TestTwoPhasesThatWaitForEachOther are both told, and a third goes on.
func TestTwoPhasesThatWaitForEachOther(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	services(t, namespace, 5)
	apply(t, namespace, typoText("", "")+`
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: wave-1}
spec:
  programRef: {name: services}
  dependsOn: [wave-2]
  targets: [{metric: adopted, atLeast: "30%"}]
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: wave-2}
spec:
  programRef: {name: services}
  dependsOn: [wave-1]
  targets: [{metric: adopted, atLeast: "30%"}]
`)
	for name, circle := range map[string]string{"wave-1": "wave-1 -> wave-2 -> wave-1", "wave-2": "wave-2 -> wave-1 -> wave-2"} {
		told(t, namespace, "Phase", name, typo{
			state: "Stalled", reason: v1alpha1.ReasonDependencyCycle, says: []string{circle},
		})
	}
	achieved(t, namespace, "bystander")
	change(t, &v1alpha1.Phase{}, namespace, "wave-1", `{"spec":{"dependsOn":null}}`)
	achieved(t, namespace, "wave-2")
}

// TestAClusterSourceForOtherNamespaces says so, and whom to ask; a label on the
// namespace is enough.
func TestAClusterSourceForOtherNamespaces(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	services(t, namespace, 5)
	source := &v1alpha1.ClusterUsageSource{
		ObjectMeta: metav1.ObjectMeta{Name: "for-" + namespace},
		Spec: v1alpha1.ClusterUsageSourceSpec{
			SourceSettings: v1alpha1.SourceSettings{
				Type: v1alpha1.SourceTypePrometheus, Prometheus: &v1alpha1.PrometheusSource{URL: "http://127.0.0.1:1"},
				Queries: []v1alpha1.NamedQuery{{Name: "users", Prometheus: &v1alpha1.PrometheusQuery{Expr: "1"}}},
			},
			AllowedNamespaces: v1alpha1.AllowedNamespaces{
				From: v1alpha1.AllowedFromSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"metrics-for": namespace}},
			},
		},
	}
	if err := people.Create(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	deleteAfter(t, source)
	query := fmt.Sprintf("{sourceRef: {kind: ClusterUsageSource, name: %s}, named: {name: users}}", source.Name)
	apply(t, namespace, typoText("QUERY", query))
	mistake := typo{
		state: "Stalled", reason: v1alpha1.ReasonSourceNotAllowed,
		says: []string{"spec.metrics[other].query: ClusterUsageSource/" + source.Name + " is not for namespace " + namespace, "administrator", "allowedNamespaces"},
	}
	told(t, namespace, "AdoptionProgram", "services", mistake)
	achieved(t, namespace, "bystander")
	change(t, &corev1.Namespace{}, "", namespace, fmt.Sprintf(`{"metadata":{"labels":{"metrics-for":%q}}}`, namespace))
	forgotten(t, namespace, "AdoptionProgram", "services")
}

// TestAProgramThatMayNotCount prints commands that mend it.
func TestAProgramThatMayNotCount(t *testing.T) {
	shareOperator(t)
	namespace := newNamespace(t)
	services(t, namespace, 5)
	mayCount(t, "", "endpoints") // the operator may, the program may not
	query := `{objects: {apiVersion: v1, kind: Endpoints}}`
	apply(t, namespace, typoText("QUERY", query))
	mistake := typo{
		state: "Reconciling", reason: v1alpha1.ReasonAccessDenied,
		says: []string{"spec.metrics[other].query", "service account default may not count endpoints", "kubectl create clusterrole"},
	}
	told(t, namespace, "AdoptionProgram", "services", mistake)
	achieved(t, namespace, "bystander")
	_, conditions := typoObject(t, "AdoptionProgram", namespace, "services")
	shell(t, remedy(t, condition(conditions, "Ready")))
	forgotten(t, namespace, "AdoptionProgram", "services")
}
