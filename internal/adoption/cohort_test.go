// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// everythingShown is all that a world's statuses, events and barriers say.
func everythingShown(t *testing.T, w *world) string {
	t.Helper()
	var shown []any
	shown = append(shown, w.program.Status, w.told)
	for _, p := range w.phases {
		shown = append(shown, p.Status)
	}
	for _, b := range w.barriers {
		shown = append(shown, b.Spec, b.Status)
	}
	text, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNumbersOfSmallCohortsAreNowhereToBeSeen(t *testing.T) {
	w := newWorld(t).withSegments("huge", "large", "medium", "small")
	w.program.Spec.MinCohort = new(int32(5))
	w.program.Spec.Segments[3].Mode = v1alpha1.ModeOptIn
	w.program.Spec.Metrics[0].Smooth = &v1alpha1.Smooth{Over: "7d"}
	w.program.Spec.Metrics = append(w.program.Spec.Metrics, v1alpha1.Metric{
		Name: "plain", Direction: v1alpha1.DirectionIncrease, Rate: &v1alpha1.Rate{Active: *objectsQuery("Plain")}, SampleEvery: "1d",
	})
	// 3 of 4 in small: 75%, which nothing else gives.
	w.counts("population.query", map[string]float64{"huge": 900, "large": 200, "medium": 30, "small": 4})
	active := map[string]float64{"huge": 300, "large": 100, "medium": 7, "small": 3}
	w.counts("adopted].rate.active", active)
	w.counts("plain].rate.active", active)
	only := func(names ...v1alpha1.Name) phaseOption { return func(p *v1alpha1.Phase) { p.Spec.Segments = names } }
	w.phase("one", targeting("plain", "99%"), only("small"))
	w.phase("met", targeting("plain", "50%"), only("small"), sustained("0%", "2d", v1alpha1.OnRegressionFlag))
	w.phase("allbutone", targeting("plain", "99%"), only("huge", "large", "medium"))
	w.phase("each", targetingEach("plain", "99%"))
	w.phase("smoothed", targeting("adopted", "99%"), only("small"))
	w.barrier("detected", func(b *v1alpha1.BarrierSpec) {
		b.Segments = []v1alpha1.Name{"small"}
		b.Detect = &v1alpha1.Detect{Metric: "plain", AtLeast: "10%"}
	})
	w.begin()
	w.run(40 * day)

	shown := everythingShown(t, w)
	for _, leak := range []string{`"75%"`, "75.0%", "3/4", `"achievedWith":"3"`, "has 75%", "407", "400/1100"} {
		if strings.Contains(shown, leak) {
			i := strings.Index(shown, leak)
			t.Errorf("%s is told: ...%s...", leak, shown[max(0, i-150):i+20])
		}
	}
	if !strings.Contains(shown, `"410/1134"`) && !strings.Contains(shown, `"numerator":"410"`) {
		t.Error("the whole is large enough to be shown, and is not")
	}
	m := w.program.Status.Metrics[1]
	if m.OptIn != suppressed || m.Mandated != suppressed {
		t.Errorf("one mode is shown, which tells the other: mandated %q, opt-in %q", m.Mandated, m.OptIn)
	}
	if m.Suppressed != 2 {
		t.Errorf("%d segments are suppressed: small, and medium so that small is not the difference", m.Suppressed)
	}
}

func TestAWholeThatIsTooSmallShowsNothing(t *testing.T) {
	w := newWorld(t)
	w.program.Spec.MinCohort = new(int32(5))
	w.counts("population.query", map[string]float64{"": 4})
	w.counts("rate.active", map[string]float64{"": 3})
	w.phase("only", targeting("adopted", "70%"))
	w.begin()
	w.run(3 * day)
	w.expect(w.phases[0], v1alpha1.PhaseAchieved)
	shown := everythingShown(t, w)
	for _, leak := range []string{"75%", "3/4", `"numerator":"3"`, `"achievedWith":"3"`} {
		if strings.Contains(shown, leak) {
			t.Errorf("%s is told: %s", leak, shown)
		}
	}
	if w.program.Status.Adoption != suppressed {
		t.Errorf("ADOPTION shows %q", w.program.Status.Adoption)
	}
}

func TestWhatIsHiddenIsNeverTheDifferenceOfWhatIsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		least := rapid.Int32Range(1, 20).Draw(t, "least")
		s := &stepper{program: &v1alpha1.AdoptionProgram{Spec: v1alpha1.AdoptionProgramSpec{MinCohort: &least}}}
		sizes := rapid.SliceOfN(rapid.Float64Range(0, 60), 0, 12).Draw(t, "sizes")
		r := &Reading{}
		for i, size := range sizes {
			r.Segments = append(r.Segments, SegmentReading{
				Name: string(rune('a' + i)), Value: Value{Known: true, HasParts: true, Denominator: size},
			})
		}
		s.suppress(r)
		hidden := 0.0
		for _, seg := range r.Segments {
			if seg.Suppressed {
				hidden += seg.size
			} else if seg.size < float64(least) {
				t.Fatalf("a segment of %v is shown", seg.size)
			}
		}
		if some := hidden > 0; some && hidden < float64(least) && !r.Suppressed {
			t.Fatalf("%v are hidden together, and the whole is shown", hidden)
		}
	})
}
