// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// systemNames are names as personnel systems, catalogues and directories write them.
var systemNames = []string{
	"Human Resources", "R&D", "group:default/platform", "Forschung & Entwicklung (Zürich)", "人事部",
	"Sales, Marketing", "cn=ops,ou=teams,dc=example,dc=org", strings.Repeat("部", 128), "-", "3%",
}

func TestASegmentMayBeNamedAsSystemsNameIt(t *testing.T) {
	for _, name := range systemNames {
		w := newWorld(t).withSegments(name, "rest")
		w.counts("population.query", map[string]float64{name: 10, "rest": 10})
		w.counts("rate.active", map[string]float64{name: 9, "rest": 1})
		pilot := w.phase("pilot", targeting("adopted", "80%"), with(func(s *v1alpha1.PhaseSpec) { s.Segments = []v1alpha1.SegmentName{v1alpha1.SegmentName(name)} }))
		all := w.phase("all", targetingEach("adopted", "95%"))
		own := w.phase("own", with(func(s *v1alpha1.PhaseSpec) {
			s.Targets = []v1alpha1.Target{{Metric: "adopted", AtLeast: "80%", Segments: []v1alpha1.SegmentName{v1alpha1.SegmentName(name)}}}
		}))
		b := w.barrier("there", func(s *v1alpha1.BarrierSpec) { s.Segments = []v1alpha1.SegmentName{v1alpha1.SegmentName(name)} })
		w.program.Spec.Segments[0].Exemptions = []v1alpha1.Exemption{{Count: 1, Reason: "on leave", ApprovedBy: "CIO"}}
		w.begin()
		w.run(2 * hour)
		w.expect(pilot, v1alpha1.PhaseAchieved)
		w.expect(own, v1alpha1.PhaseAchieved)
		w.expect(all, v1alpha1.PhaseActive)
		w.expectBarrier(b, v1alpha1.BarrierOpen)
		missing := all.Status.Targets[0].Missing
		if len(missing) != 1 || missing[0].Name != "rest" {
			t.Errorf("%s: missing are %v", name, missing)
		}
		w.counts("rate.active", map[string]float64{name: 1, "rest": 1})
		w.run(2 * hour)
		if missing = all.Status.Targets[0].Missing; len(missing) != 2 || missing[0].Name != name && missing[1].Name != name {
			t.Errorf("the name is changed to %v", missing)
		}
	}
}

func TestAListTellsNamesWithCommasApart(t *testing.T) {
	for name, shown := range map[string]string{
		"Human Resources": "Human Resources", "R&D": "R&D", "group:default/platform": "group:default/platform",
		"Sales, Marketing": `"Sales, Marketing"`, "Bern (West)": `"Bern (West)"`, `the "old" one`: `"the 'old' one"`,
	} {
		if got := nameInText(name); got != shown {
			t.Errorf("%s is shown as %s, want %s", name, got, shown)
		}
	}
}

func TestAStatusHoldsEveryNameWithinItsBound(t *testing.T) {
	for _, name := range append(systemNames, "a\x00b", "line\nbreak", "\u202egnp", "a\xffb", strings.Repeat("é", 300)) {
		shown := statusName(name)
		if n := utf8.RuneCountInString(shown); n == 0 || n > maxSegmentName || !utf8.ValidString(shown) || strings.ContainsAny(shown, "\x00\n\u202e") {
			t.Errorf("%q is shown as %q", name, shown)
		}
	}
}

// Names that read alike when they are joined are still different audiences.
func TestTwoNamesAreNotOneOfTheSameWords(t *testing.T) {
	w := newWorld(t)
	hash := func(names ...v1alpha1.SegmentName) string {
		return newStepper(w.snapshot(), w.now).targetsHash(&v1alpha1.Phase{Spec: v1alpha1.PhaseSpec{Segments: names}})
	}
	if hash("Human Resources") == hash("Human", "Resources") || hash("a", `b c`) == hash("a b", "c") {
		t.Error("different audiences have the same hash")
	}
}
