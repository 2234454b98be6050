// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// state is one that an object can be in: what is applied, and what the operator says
// once it is there.
type state struct {
	kind, name string
	manifests  string
	// change is applied once the object is in the state before.
	before  func(*unstructured.Unstructured) bool
	change  string
	reached func(*unstructured.Unstructured) bool
	// wantArgo and wantFlux are what the clients have to show.
	wantArgo, wantFlux string
}

// unseen is an object that the operator has not looked at yet.
const unseen = "new"

// object is the name of what is shown of each kind.
const object = "wave"

func says(path, want string) func(*unstructured.Unstructured) bool {
	return func(u *unstructured.Unstructured) bool {
		got, _, _ := unstructured.NestedString(u.Object, append([]string{"status"}, strings.Split(path, ".")...)...)
		return strings.Contains(got, want) && (want != "" || got == "")
	}
}

// is tells whether a condition has a status, and a reason that begins so.
func is(kind, status, reason string) func(*unstructured.Unstructured) bool {
	return func(u *unstructured.Unstructured) bool {
		list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
		for _, entry := range list {
			c, _ := entry.(map[string]any)
			if c["type"] == kind && c["status"] == status && strings.HasPrefix(fmt.Sprint(c["reason"]), reason) {
				return true
			}
		}
		return false
	}
}

func all(tests ...func(*unstructured.Unstructured) bool) func(*unstructured.Unstructured) bool {
	return func(u *unstructured.Unstructured) bool {
		for _, test := range tests {
			if !test(u) {
				return false
			}
		}
		return true
	}
}

// numbers are what people have counted: so many have adopted.
func numbers(adopted int) string {
	return fmt.Sprintf(`
---
apiVersion: v1
kind: ConfigMap
metadata: {name: numbers}
data: {adopted: "TODAY %d"}
`, adopted)
}

// program is one of the given name, with some more of its spec.
func program(name, more string) string {
	return fmt.Sprintf(`
---
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: %s}
spec:
  objective: Everybody builds with the golden path
  accountability: {executiveSponsor: CIO office, programOwner: platform team}
  interval: 1s
  population: {count: 100}
  metrics:
  - name: adopted
    dimension: Reach
    staleAfter: 3s
    rate: {active: {QUERY}}
%s`, name, more)
}

// counted is a program whose numbers people enter.
func counted(name, more string) string {
	return strings.ReplaceAll(program(name, more), "{QUERY}", "{configMap: {name: numbers, key: adopted}}")
}

func phase(name, target, more string) string {
	return fmt.Sprintf(`
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: %s}
spec:
  programRef: {name: golden-path}
  targets: [{metric: adopted, atLeast: "%s"}]
%s`, name, target, more)
}

func barrier(name, more string) string {
	return fmt.Sprintf(`
---
apiVersion: uptake.dev/v1alpha1
kind: Barrier
metadata: {name: %s}
spec:
  programRef: {name: golden-path}
  summary: The template has no way to ask for a database
  category: Technical
  owner: platform team
%s`, name, more)
}

func source(kind, name, url, more string) string {
	return fmt.Sprintf(`
---
apiVersion: uptake.dev/v1alpha1
kind: %s
metadata: {name: %s}
spec:
  type: HTTP
  http: {url: "%s"}
  interval: 1s
  adHoc: Allowed
%s`, kind, name, url, more)
}

func programStates() []state {
	return []state{
		{name: unseen, manifests: counted(object, ""), wantArgo: "Progressing", wantFlux: "InProgress"},
		{
			name: "on its way", manifests: counted(object, "") + forProgram(phase("first", "60%", "")) + numbers(40),
			reached: all(says("state", "Active"), says("health", "OnTrack")), wantArgo: "Healthy", wantFlux: "Current",
		},
		{
			name: "every phase achieved", manifests: counted(object, "") + forProgram(phase("first", "30%", "")) + numbers(40),
			reached: says("state", "Sustaining"), wantArgo: "Healthy", wantFlux: "Current",
		},
		{
			name: "blocked by a barrier", manifests: counted(object, "") + forProgram(phase("first", "60%", "")+barrier("database", "  severity: Blocking")) + numbers(40),
			reached: says("health", "Blocked"), wantArgo: "Healthy", wantFlux: "Current",
		},
		{
			name: "a phase fell back", manifests: counted(object, "") + forProgram(phase("first", "30%", "  sustain: {for: 1s}")) + numbers(40),
			before: says("state", "Sustaining"), change: numbers(10),
			reached: says("health", "Regressed"), wantArgo: "Healthy", wantFlux: "Current",
		},
		{
			name: "counts a kind that is not there", manifests: strings.ReplaceAll(program(object, ""), "{QUERY}", "{objects: {apiVersion: v1, kind: Servce}}") + forProgram(phase("first", "60%", "")),
			reached: is("Reconciling", "True", "NotServed"), wantArgo: "Progressing", wantFlux: "InProgress",
		},
		{
			name: "a phase with a mistake", manifests: counted(object, "") + forProgram(phase("first", "60%", "")+strings.ReplaceAll(phase("typo", "60%", "  reporting: Observe"), "metric: adopted", "metric: adoptd")) + numbers(40),
			reached: is("OnTrack", "Unknown", "NotJudged"), wantArgo: "Healthy", wantFlux: "Current",
		},
		{
			name: "suspended", manifests: counted(object, "") + forProgram(phase("first", "60%", "")) + numbers(40),
			before: says("state", "Active"), change: counted(object, "  suspend: true"),
			reached: is("Suspended", "True", ""), wantArgo: "Suspended", wantFlux: "Current",
		},
		{
			name: "its source fails", manifests: overHTTP(object, "away") + source("UsageSource", "away", "http://127.0.0.1:1", "") + forProgram(phase("first", "60%", "")),
			reached: all(says("health", "Unknown"), is("SourcesHealthy", "False", ""), is("Ready", "False", "AwaitingData")), wantArgo: "Degraded", wantFlux: "InProgress",
		},
		{
			name: "its numbers are too old", manifests: counted(object, "") + forProgram(phase("first", "60%", "")) + numbers(40),
			before: all(says("state", "Active"), is("Ready", "True", "Measuring")), change: "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: numbers}\ndata: {adopted: \"many\"}\n",
			reached: all(says("health", "Unknown"), is("SourcesHealthy", "False", ""), is("Ready", "True", "")), wantArgo: "Degraded", wantFlux: "Current",
		},
		{
			name: "its source is not there", manifests: overHTTP(object, "absent") + forProgram(phase("first", "60%", "")),
			reached: is("Reconciling", "True", ""), wantArgo: "Progressing", wantFlux: "InProgress",
		},
		{
			name: "a mistake in its spec", manifests: counted(object, "  timeZone: Europe/Zurik") + forProgram(phase("first", "60%", "")) + numbers(40),
			reached: is("Stalled", "True", ""), wantArgo: "Degraded", wantFlux: "Failed",
		},
	}
}

// forProgram makes objects belong to the program that is shown.
func forProgram(manifests string) string {
	return strings.ReplaceAll(manifests, "name: golden-path", "name: "+object)
}

// overHTTP is a program that asks a source.
func overHTTP(name, source string) string {
	return strings.ReplaceAll(program(name, "  sourceRef: {name: "+source+"}"), "{QUERY}", "{http: {path: /usage, value: row.active}}")
}

// phaseStates are those of a phase by what spec.reporting makes of them.
func phaseStates() []state {
	var states []state
	yesterday := `  deadline: "YESTERDAY"`
	base := func(target, more string) string {
		return counted("golden-path", "") + phase(object, target, more) + numbers(40)
	}
	for i, reporting := range []string{"Observe", "Alert", "Gate"} {
		for _, s := range []struct {
			state
			argo, flux [3]string
		}{
			{state{name: unseen, manifests: base("60%", "")}, [3]string{"Progressing", "Progressing", "Progressing"}, [3]string{"InProgress", "InProgress", "InProgress"}},
			{
				state{name: "waits for a phase", manifests: base("60%", "  dependsOn: [pilot]") + phase("pilot", "80%", ""), reached: all(says("state", "Waiting"), says("waitsFor", "(Active)"))},
				[3]string{"Healthy", "Healthy", "Progressing"},
				[3]string{"Current", "Current", "InProgress"},
			},
			{
				state{name: "on its way", manifests: base("60%", ""), reached: all(says("state", "Active"), says("value", "40%"))},
				[3]string{"Healthy", "Healthy", "Progressing"},
				[3]string{"Current", "Current", "InProgress"},
			},
			{
				state{name: "holding", manifests: base("30%", "  hold: {for: 1h, every: 1m}"), reached: says("state", "Holding")},
				[3]string{"Healthy", "Healthy", "Progressing"},
				[3]string{"Current", "Current", "InProgress"},
			},
			{
				state{name: "waits for approval", manifests: base("30%", "  gates: [{name: sponsor-agrees}]"), reached: all(says("state", "Holding"), says("waitsFor", "approval"))},
				[3]string{"Healthy", "Healthy", "Progressing"},
				[3]string{"Current", "Current", "InProgress"},
			},
			{
				state{name: "blocked by a barrier", manifests: base("60%", "") + barrier("database", "  severity: Blocking"), reached: is("Blocked", "True", "")},
				[3]string{"Healthy", "Healthy", "Suspended"},
				[3]string{"Current", "Current", "InProgress"},
			},
			{
				state{name: "past its deadline", manifests: base("60%", yesterday), reached: all(says("state", "Active"), says("health", "Delayed"))},
				[3]string{"Healthy", "Degraded", "Degraded"},
				[3]string{"Current", "Current", "Failed"},
			},
			{
				state{name: "achieved", manifests: base("30%", ""), reached: says("state", "Achieved")},
				[3]string{"Healthy", "Healthy", "Healthy"},
				[3]string{"Current", "Current", "Current"},
			},
			{
				state{
					name: "fell back", manifests: base("30%", "  sustain: {for: 1s}"), before: says("state", "Achieved"), change: numbers(10),
					reached: says("state", "Regressed"),
				},
				[3]string{"Healthy", "Degraded", "Degraded"},
				[3]string{"Current", "Current", "Current"},
			},
			{
				state{name: "nothing is known", manifests: counted("golden-path", "") + phase(object, "60%", ""), reached: says("health", "Unknown")},
				[3]string{"Healthy", "Healthy", "Progressing"},
				[3]string{"Current", "Current", "InProgress"},
			},
			{
				state{
					name: "suspended", manifests: base("60%", ""), before: says("state", "Active"), change: phase(object, "60%", "  suspend: true"),
					reached: is("Suspended", "True", ""),
				},
				[3]string{"Suspended", "Suspended", "Suspended"},
				[3]string{"Current", "Current", "InProgress"},
			},
			{
				state{name: "its program is not there", manifests: phase(object, "60%", ""), reached: is("Reconciling", "True", "")},
				[3]string{"Progressing", "Progressing", "Progressing"},
				[3]string{"InProgress", "InProgress", "InProgress"},
			},
			{
				state{name: "a mistake in its spec", manifests: base("60%", "  dependsOn: ["+object+"]"), reached: is("Stalled", "True", "")},
				[3]string{"Degraded", "Degraded", "Degraded"},
				[3]string{"Failed", "Failed", "Failed"},
			},
		} {
			s.name += ", " + reporting
			for _, text := range []*string{&s.manifests, &s.change} {
				*text = strings.Replace(*text, "metadata: {name: "+object+"}\nspec:", "metadata: {name: "+object+"}\nspec:\n  reporting: "+reporting, 1)
			}
			s.wantArgo, s.wantFlux = s.argo[i], s.flux[i]
			states = append(states, s.state)
		}
	}
	return states
}

func barrierStates() []state {
	base := func(more string) string {
		return counted("golden-path", "") + phase("first", "60%", "") + barrier(object, more) + numbers(40)
	}
	states := []state{
		{name: unseen, manifests: base(""), wantArgo: "Progressing", wantFlux: "InProgress"},
		{name: "watching", manifests: base(`  detect: {metric: adopted, atMost: "20%"}`), reached: says("state", "Watching")},
		{name: "open", manifests: base(""), reached: says("state", "Open")},
		{name: "open and blocking", manifests: base("  severity: Blocking"), reached: all(says("state", "Open"), says("blocks", "first"))},
		{name: "escalated", manifests: base("  requiresExecutiveAction: true"), reached: says("state", "Escalated")},
		{name: "accepted", manifests: base("  resolution: {state: Accepted, note: We live with it}"), reached: says("state", "Accepted")},
		{name: "resolved", manifests: base("  resolution: {state: Resolved, note: It is gone}"), reached: says("state", "Resolved")},
		{name: "its program is not there", manifests: barrier(object, ""), reached: is("Reconciling", "True", ""), wantArgo: "Progressing", wantFlux: "InProgress"},
		{name: "a mistake in its spec", manifests: base(`  detect: {metric: adoptd, atMost: "20%"}`), reached: is("Stalled", "True", ""), wantArgo: "Degraded", wantFlux: "Failed"},
	}
	for i := range states {
		if states[i].wantArgo == "" {
			states[i].wantArgo, states[i].wantFlux = "Healthy", "Current"
		}
	}
	return states
}

func sourceStates(kind string) []state {
	more := ""
	if kind == "ClusterUsageSource" {
		more = "  allowedNamespaces: {from: All}\n"
	}
	asked := func(text string) string {
		text += strings.ReplaceAll(overHTTP("golden-path", "SOURCE"), "{name: SOURCE}", "{kind: "+kind+", name: SOURCE}") + phase("first", "60%", "")
		return text
	}
	// Clusters have no namespaces for sources of their own: the name is the state's.
	return []state{
		{name: unseen, manifests: source(kind, "SOURCE", usage.URL, more), wantArgo: "Progressing", wantFlux: "InProgress"},
		{name: "polled", manifests: asked(source(kind, "SOURCE", usage.URL, more)), reached: is("Ready", "True", "Polling"), wantArgo: "Healthy", wantFlux: "Current"},
		{name: "not used", manifests: source(kind, "SOURCE", usage.URL, more), reached: is("Ready", "True", "NotUsed"), wantArgo: "Healthy", wantFlux: "Current"},
		{
			name: "away", manifests: asked(source(kind, "SOURCE", "http://127.0.0.1:1", more)),
			reached: is("Ready", "False", "PollsFailing"), wantArgo: "Degraded", wantFlux: "InProgress",
		},
		{
			name: "its Secret is not there", manifests: asked(source(kind, "SOURCE", usage.URL, more+"  allowPlaintext: true\n  auth: {bearer: {secretKeyRef: {name: absent, key: token}}}\n")),
			reached: is("Ready", "False", "Secret"), wantArgo: "Degraded", wantFlux: "InProgress",
		},
		{
			name: "an address that no source may have", manifests: asked(source(kind, "SOURCE", "http://169.254.169.254", more)),
			reached: is("Ready", "False", "Address"), wantArgo: "Degraded", wantFlux: "Failed",
		},
	}
}

// states of every kind.
func states() map[string][]state {
	kinds := map[string][]state{
		"AdoptionProgram": programStates(), "Phase": phaseStates(), "Barrier": barrierStates(),
		"UsageSource": sourceStates("UsageSource"), "ClusterUsageSource": sourceStates("ClusterUsageSource"),
	}
	for kind := range kinds {
		for i := range kinds[kind] {
			kinds[kind][i].kind = kind
		}
	}
	return kinds
}
