// SPDX-License-Identifier: Apache-2.0

package playbooks

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// everything are the values of all stories together.
func everything(t *testing.T) values {
	t.Helper()
	all := values{}
	for _, name := range programs(t) {
		s := readStory(t, name)
		all = merged(all, merged(s.Required, s.Chosen))
	}
	return all
}

// defaults are the chart's own values.
func defaults(t *testing.T) values {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var found values
	if err := yaml.UnmarshalStrict(text, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// There is a story for each program of the chart, and none is enabled by itself.
func TestEveryProgramHasAStory(t *testing.T) {
	offered := defaults(t)["programs"].(values)
	if names := slices.Sorted(maps.Keys(offered)); !slices.Equal(names, programs(t)) {
		t.Errorf("the chart has %q, and testdata %q", names, programs(t))
	}
	for name, settings := range offered {
		if settings.(values)["enabled"] != false {
			t.Errorf("%s is enabled by default", name)
		}
		if _, err := os.Stat(filepath.Join(chart, "templates", name+".yaml")); err != nil {
			t.Error(err)
		}
	}
}

func TestLintHasNothingToSay(t *testing.T) {
	mustHelm(t, values{}, "lint", "--strict", chart)
	mustHelm(t, everything(t), "lint", "--strict", chart)
}

// Without a program there is nothing, and a text that says what to do.
func TestNothingIsEnabledByDefault(t *testing.T) {
	if objects := rendered(t, values{}, "somewhere"); len(objects) > 0 {
		t.Errorf("%d objects are rendered", len(objects))
	}
	c := people
	out := mustHelm(t, values{}, "install", "adoption", chart, "--namespace", newNamespace(t, c))
	for _, wanted := range append(programs(t), "No program is enabled", "programOwner", "executiveSponsor") {
		if !strings.Contains(out, wanted) {
			t.Errorf("the notes do not mention %s:\n%s", wanted, out)
		}
	}
}

// The notes give commands that the API server takes, and say what is lost when.
func TestTheNotesCanBeFollowed(t *testing.T) {
	c := people
	namespace := newNamespace(t, c)
	out := mustHelm(t, everything(t), "install", "adoption", chart, "--namespace", namespace)
	for _, wanted := range []string{
		`approval.uptake.dev/GATE="$(kubectl auth whoami -o jsonpath='{.status.userInfo.username}')"`, "DELETES", "docs/upgrade.md",
	} {
		if !strings.Contains(out, wanted) {
			t.Errorf("the notes do not mention %s:\n%s", wanted, out)
		}
	}
	suspend := regexp.MustCompile(`kubectl patch adoptionprogram (\S+) -n ` + namespace + ` --type merge -p '(.*)'`).FindStringSubmatch(out)
	if suspend == nil {
		t.Fatalf("the notes do not say how a program is suspended:\n%s", out)
	}
	program := &v1alpha1.AdoptionProgram{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: suspend[1]}}
	patch := client.RawPatch(types.MergePatchType, []byte(suspend[2]))
	if err := client.WithFieldValidation(c, metav1.FieldValidationStrict).Patch(t.Context(), program, patch); err != nil {
		t.Fatal(err)
	}
	if program.Spec.Suspend == nil || !*program.Spec.Suspend {
		t.Errorf("not suspended: %+v", program.Spec.Suspend)
	}
	mustHelm(t, values{}, "upgrade", "adoption", chart, "--namespace", namespace, "--reset-values")
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(program), program); !apierrors.IsNotFound(err) {
		t.Errorf("switched off, the program is still there, and the warning of the notes is wrong: %v", err)
	}
}

// Whatever is required is named when it is missing: each in turn is left out.
func TestRequiredValuesAreNamed(t *testing.T) {
	for _, name := range programs(t) {
		required := readStory(t, name).Required
		for _, path := range leaves(required, nil) {
			if path[len(path)-1] == "enabled" {
				continue
			}
			dotted := strings.Join(path, ".")
			_, problems, err := helm(t, without(required, path), "template", "adoption", chart)
			if err == nil || !strings.Contains(problems, dotted+" is") {
				t.Errorf("%s without %s: %v: %s", name, dotted, err, problems)
			}
		}
	}
}

// leaves are the paths of all values that are not maps.
func leaves(v values, path []string) [][]string {
	var found [][]string
	for _, key := range slices.Sorted(maps.Keys(v)) {
		here := append(slices.Clone(path), key)
		if below, isMap := v[key].(values); isMap {
			found = append(found, leaves(below, here)...)
			continue
		}
		found = append(found, here)
	}
	return found
}

// without is a copy without one value.
func without(v values, path []string) values {
	out := maps.Clone(v)
	if len(path) == 1 {
		delete(out, path[0])
		return out
	}
	out[path[0]] = without(v[path[0]].(values), path[1:])
	return out
}

// The schema knows every value of the chart: next to each a mistyped one is refused.
func TestMistypedNamesAreRefused(t *testing.T) {
	wrong := values{}
	paths := leaves(defaults(t), nil)
	for _, path := range paths {
		wrong = merged(wrong, nested(append(path[:len(path)-1:len(path)-1], path[len(path)-1]+"x"), "a"))
	}
	_, problems, err := helm(t, wrong, "template", "adoption", chart)
	if err == nil {
		t.Fatal("nothing is refused")
	}
	for _, path := range paths {
		at := strings.Join(append([]string{""}, path[:len(path)-1]...), "/")
		key := path[len(path)-1] + "x'"
		refused := func(line string) bool {
			return strings.Contains(line, "at '"+at+"': additional propert") && strings.Contains(line, key)
		}
		if !slices.ContainsFunc(strings.Split(problems, "\n"), refused) {
			t.Errorf("%s is not refused beside %s", key, strings.Join(path, "."))
		}
	}
}

// Nor does it take what cannot be meant.
func TestMistypedValuesAreRefused(t *testing.T) {
	for _, wrong := range []struct {
		path  []string
		value any
	}{
		{[]string{"programs", "gateway-apis", "enabled"}, true},
		{[]string{"programs", "gateway-api", "barriers", "anotations", "enabled"}, true},
		{[]string{"programs", "gateway-api", "barriers", "annotations", "enable"}, true},
		{[]string{"programs", "gateway-api", "targets", "pilot"}, "80"},
		{[]string{"programs", "gateway-api", "phases", "pilots", "deadline"}, "2027-01-01"},
		{[]string{"phases", "pilot", "deadline"}, "1.2.2027"},
		{[]string{"phases", "pilot", "maxDuration"}, "three weeks"},
		{[]string{"reporting"}, "Loud"},
		{[]string{"segmentBy"}, "my team"},
		{[]string{"sources", "prometheus", "url"}, "prometheus:9090"},
		{[]string{"sources", "prometheus", "kind"}, "Source"},
		{[]string{"sources", "clusterMetrics", "clusters"}, []any{values{"name": "prometheus", "url": "https://p.example.com"}}},
		{[]string{"sources", "clusterObjects", "clusters"}, []any{values{"name": "east"}}},
		{[]string{"freezes"}, []any{values{"from": "2026-12-19", "to": "2027-01-06"}}},
	} {
		mustRefuse(t, nested(wrong.path, wrong.value), wrong.path[len(wrong.path)-1])
	}
}

// Two clusters of one name would be one source, and a program would take one cluster
// for all of them.
func TestClustersHaveNamesOfTheirOwn(t *testing.T) {
	metrics := func(names ...string) any {
		var clusters []any
		for _, name := range names {
			clusters = append(clusters, values{"name": name, "url": "https://" + name + ".example.com"})
		}
		return values{"clusters": clusters}
	}
	objects := values{"clusters": []any{values{"name": "east", "secretName": "east"}}}
	for twice, sources := range map[string]values{
		"east":         {"clusterMetrics": metrics("east", "west", "east")},
		"cluster-east": {"clusterMetrics": metrics("cluster-east"), "clusterObjects": objects},
	} {
		_, problems, err := helm(t, values{"sources": sources}, "template", "adoption", chart)
		if err == nil || !strings.Contains(problems, "two clusters would be the UsageSource "+twice) {
			t.Errorf("%v: %s", err, problems)
		}
	}
}

func nested(path []string, value any) values {
	if len(path) == 1 {
		return values{path[0]: value}
	}
	return values{path[0]: nested(path[1:], value)}
}

func mustRefuse(t *testing.T, given values, named string) {
	t.Helper()
	_, problems, err := helm(t, given, "template", "adoption", chart)
	if err == nil || !strings.Contains(problems, "schema") || !strings.Contains(problems, named) && !strings.Contains(problems, "additional properties") {
		t.Errorf("%v: %v: %s", given, err, problems)
	}
}

// What stands under a program wins over what is common to all, for that program alone.
func TestAProgramOverridesWhatIsCommon(t *testing.T) {
	freeze := values{"from": "2026-12-19", "to": "2027-01-06", "reason": "Holidays", "quiet": true}
	given := merged(everything(t), values{
		"timeZone": "Europe/Zurich", "segmentBy": "squad", "pilotSegments": []any{"first"}, "freezes": []any{freeze},
		"phases": values{"wave": values{"maxDuration": "20w"}},
		"programs": values{
			"gitops": values{
				"timeZone": "Asia/Tokyo", "reporting": "Observe", "programOwner": "delivery team", "pilotSegments": []any{"second"},
				"phases":   values{"wave": values{"notBefore": "2027-01-11", "deadline": "2027-06-30"}},
				"barriers": values{"secrets-in-git": values{"enabled": true, "owner": "security", "reportedAt": "2026-12-09", "dueBy": "2027-01-29"}},
			},
			"cost-labels": values{"label": "billing.example.com/cost-center"},
		},
	})
	objects := rendered(t, given, "somewhere")
	for _, p := range programsOf(t, objects) {
		zone, owner := "Europe/Zurich", "platform team"
		if p.Name == "gitops" {
			zone, owner = "Asia/Tokyo", "delivery team"
		}
		if p.Spec.TimeZone != zone || p.Spec.Accountability.ProgramOwner != owner || len(p.Spec.Freezes) != 1 || !*p.Spec.Freezes[0].Quiet {
			t.Errorf("%s has %s, %v and %v", p.Name, p.Spec.TimeZone, p.Spec.Accountability, p.Spec.Freezes)
		}
	}
	for _, p := range typed[v1alpha1.Phase](t, objects, "Phase") {
		if strings.HasSuffix(p.Name, "-wave") {
			wantWave(t, p)
		}
		named := readPilot(t, given, string(p.Spec.ProgramRef.Name))
		if strings.HasSuffix(p.Name, "-pilot") && len(p.Spec.Segments) > 0 && p.Spec.Segments[0] != v1alpha1.SegmentName(named) {
			t.Errorf("the audience of %s is %v, not %s", p.Name, p.Spec.Segments, named)
		}
	}
	for _, b := range typed[v1alpha1.Barrier](t, objects, "Barrier") {
		if b.Name == "gitops-secrets-in-git" && (b.Spec.Owner != "security" || b.Spec.ReportedAt != "2026-12-09" || b.Spec.DueBy != "2027-01-29") {
			t.Errorf("%s is %+v", b.Name, b.Spec)
		}
	}
	text := mustHelm(t, given, "template", "adoption", chart)
	for _, wanted := range []string{"label_billing_example_com_cost_center!=", "namespaceLabel: squad", "?labels[?'squad']", `segments: ["second"]`, `segments: ["first"]`} {
		if !strings.Contains(text, wanted) {
			t.Errorf("it does not render %s", wanted)
		}
	}
}

func wantWave(t *testing.T, p *v1alpha1.Phase) {
	t.Helper()
	spec := p.Spec
	if p.Name == "gitops-wave" {
		if spec.Deadline != "2027-06-30" || spec.NotBefore != "2027-01-11" || spec.MaxDuration != "" || spec.Reporting != v1alpha1.ReportingObserve {
			t.Errorf("%s is %+v", p.Name, spec)
		}
		return
	}
	if spec.MaxDuration != "20w" || spec.Deadline != "" || spec.Reporting != v1alpha1.ReportingAlert {
		t.Errorf("%s is %+v", p.Name, spec)
	}
}

// readPilot is the first team of a program's pilot, by the values.
func readPilot(t *testing.T, given values, program string) string {
	t.Helper()
	for _, v := range []values{given["programs"].(values)[program].(values), given} {
		if teams, named := v["pilotSegments"].([]any); named {
			return teams[0].(string)
		}
	}
	t.Fatalf("%s has no pilot", program)
	return ""
}
