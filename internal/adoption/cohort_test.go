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
	w.program.Spec.MinGroupSize = new(int32(5))
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
	only := func(names ...v1alpha1.SegmentName) phaseOption {
		return func(p *v1alpha1.Phase) { p.Spec.Segments = names }
	}
	w.phase("one", targeting("plain", "99%"), only("small"))
	w.phase("met", targeting("plain", "50%"), only("small"), sustained("0%", "2d", v1alpha1.OnRegressionFlag))
	w.phase("allbutone", targeting("plain", "99%"), only("huge", "large", "medium"))
	w.phase("each", targetingEach("plain", "99%"))
	w.phase("smoothed", targeting("adopted", "99%"), only("small"))
	w.barrier("detected", func(b *v1alpha1.BarrierSpec) {
		b.Segments = []v1alpha1.SegmentName{"small"}
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
	w.program.Spec.MinGroupSize = new(int32(5))
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
		s := &stepper{program: &v1alpha1.AdoptionProgram{Spec: v1alpha1.AdoptionProgramSpec{MinGroupSize: &least}}}
		sizes := rapid.SliceOfN(rapid.Float64Range(0, 60), 0, 12).Draw(t, "sizes")
		r := &Reading{addedUp: true}
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

func TestTheExemptDoNotMakeACohortLarger(t *testing.T) {
	w := newWorld(t).withSegments("big", "small")
	w.program.Spec.MinGroupSize = new(int32(10))
	w.program.Spec.Segments[1].Exemptions = []v1alpha1.Exemption{{Count: 10, Reason: "x", ApprovedBy: "y"}}
	w.counts("population.query", map[string]float64{"big": 100, "small": 12})
	w.counts("rate.active", map[string]float64{"big": 90, "small": 1})
	w.phase("each", targetingEach("adopted", "95%"))
	w.begin()
	w.run(2 * day)
	if s := everythingShown(t, w); strings.Contains(s, `1/2`) {
		t.Errorf("a number about two people is shown: %+v", w.program.Status.Metrics[0].Laggards)
	}
}

func TestARatioAmongFewIsNotShownHoweverManyAreEligible(t *testing.T) {
	w := newWorld(t).withSegments("a", "b", "c")
	w.program.Spec.MinGroupSize = new(int32(5))
	w.counts("population.query", map[string]float64{"a": 50, "b": 60, "c": 70})
	m := w.metric("adopted")
	m.Rate, m.Ratio = nil, &v1alpha1.Ratio{Numerator: *objectsQuery("N"), Denominator: *objectsQuery("D")}
	w.counts("ratio.numerator", map[string]float64{"a": 1, "b": 30, "c": 40})
	w.counts("ratio.denominator", map[string]float64{"a": 2, "b": 40, "c": 50})
	w.phase("each", targetingEach("adopted", "95%"))
	w.begin()
	w.run(2 * day)
	if s := everythingShown(t, w); strings.Contains(s, `"1/2"`) {
		t.Errorf("1/2 is shown: a ratio among two people")
	}
}

func TestMinGroupSizeHidesWhatWasStoredBefore(t *testing.T) {
	w := newWorld(t).withSegments("huge", "small")
	w.metric("adopted").Smooth = &v1alpha1.Smooth{Over: "28d"}
	w.program.Spec.Metrics = append(w.program.Spec.Metrics, v1alpha1.Metric{
		Name: "plain", Direction: v1alpha1.DirectionIncrease, Rate: &v1alpha1.Rate{Active: *objectsQuery("Plain")}, SampleEvery: "1d",
	})
	w.counts("population.query", map[string]float64{"huge": 900, "small": 4})
	w.counts("adopted].rate.active", map[string]float64{"huge": 300, "small": 3})
	w.counts("plain].rate.active", map[string]float64{"huge": 300, "small": 3})
	w.phase("met", targeting("plain", "50%"), with(func(s *v1alpha1.PhaseSpec) { s.Segments = []v1alpha1.SegmentName{"small"} }), sustained("0%", "2d", v1alpha1.OnRegressionFlag))
	w.begin()
	w.run(20 * day)
	w.program.Spec.MinGroupSize = new(int32(5))
	w.program.Generation++
	w.run(2 * day)
	s := everythingShown(t, w)
	for _, leak := range []string{"=3/4", `"achievedWith":"3"`, "75%"} {
		if i := strings.Index(s, leak); i >= 0 {
			t.Errorf("%s is told: ...%s", leak, s[max(0, i-200):i+40])
		}
	}
}

func TestMinGroupSizeHidesOldLaggardsWhileAMetricIsUnknown(t *testing.T) {
	w := newWorld(t).withSegments("huge", "large", "small")
	w.counts("population.query", map[string]float64{"huge": 900, "large": 100, "small": 4})
	w.counts("rate.active", map[string]float64{"huge": 300, "large": 90, "small": 1})
	w.phase("each", targetingEach("adopted", "99%"))
	w.begin()
	w.run(2 * day)
	w.program.Spec.MinGroupSize = new(int32(5))
	w.program.Generation++
	w.answers["rate.active"].Rows[1].Unknown = "NaN" // one other segment has no number
	w.run(10 * day)
	s := everythingShown(t, w)
	if i := strings.Index(s, `1/4`); i >= 0 {
		t.Errorf("1/4 is told ten days after minGroupSize was set: ...%s", s[max(0, i-200):i+40])
	}
}

func TestNestedAudiencesDoNotTellTheirDifference(t *testing.T) {
	w := newWorld(t).withSegments("a", "b", "c", "d", "e", "f")
	w.program.Spec.MinGroupSize = new(int32(10))
	pop := map[string]float64{}
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		pop[n] = 5
	}
	pop["f"] = 100
	w.counts("population.query", pop)
	w.counts("rate.active", map[string]float64{"a": 2, "b": 4, "c": 1, "d": 1, "e": 1, "f": 50})
	only := func(names ...v1alpha1.SegmentName) phaseOption {
		return func(p *v1alpha1.Phase) { p.Spec.Segments = names }
	}
	one := w.phase("wave1", targeting("adopted", "99%"), only("a", "c"))
	two := w.phase("wave2", targeting("adopted", "99%"), only("a", "b", "c"))
	w.begin()
	w.run(2 * day)
	v1, v2 := one.Status.Targets[0].Value, two.Status.Targets[0].Value
	if v1 != suppressed && v2 != suppressed {
		t.Errorf("wave1 %s of 10, wave2 %s of 15: segment b has (7-3)=4 of 5", v1, v2)
	}
}

func TestTheReferenceOfARegressionDoesNotTellThoseWhoAreNotEligible(t *testing.T) {
	w := newWorld(t).withSegments("big", "tiny")
	w.program.Spec.MinGroupSize = new(int32(10))
	w.program.Spec.Segments[1].Exemptions = []v1alpha1.Exemption{{Count: 3, Reason: "x", ApprovedBy: "y"}}
	w.counts("population.query", map[string]float64{"big": 400, "tiny": 3})
	w.counts("rate.active", map[string]float64{"big": 300, "tiny": 2})
	p := w.phase("only", targeting("adopted", "50%"), sustained("0%", "2d", v1alpha1.OnRegressionFlag))
	w.begin()
	w.run(2 * day)
	if a, n := p.Status.Targets[0].AchievedWith, w.program.Status.Metrics[0].Numerator; a == "302" {
		t.Errorf("achievedWith %s, numerator %s: 2 of the 3 in tiny", a, n)
	}
}

func TestAWholeThatDoesNotComeFromSegmentsIsShown(t *testing.T) {
	w := newWorld(t).withSegments("a", "b")
	w.program.Spec.MinGroupSize = new(int32(5))
	w.program.Spec.Population = &v1alpha1.Population{Count: new(int64(10000))}
	w.counts("rate.active", map[string]float64{"a": 4500, "b": 4500})
	w.phase("only", targeting("adopted", "80%"))
	w.begin()
	w.run(3 * day)
	if v := w.program.Status.Adoption; v == suppressed {
		t.Errorf("9000 of 10000 is %s", v)
	}
}

func TestAudiencesWithAllHiddenSegmentsOrNoneAreShown(t *testing.T) {
	w := newWorld(t).withSegments("a", "b", "c", "f", "g")
	w.program.Spec.MinGroupSize = new(int32(10))
	w.counts("population.query", map[string]float64{"a": 5, "b": 5, "c": 5, "f": 100, "g": 100})
	w.counts("rate.active", map[string]float64{"a": 2, "b": 4, "c": 1, "f": 50, "g": 40})
	only := func(names ...v1alpha1.SegmentName) phaseOption {
		return func(p *v1alpha1.Phase) { p.Spec.Segments = names }
	}
	none := w.phase("none", targeting("adopted", "99%"), only("f"))
	all := w.phase("all", targeting("adopted", "99%"), only("a", "b", "c", "f"))
	some := w.phase("some", targeting("adopted", "99%"), only("a", "b", "f"))
	w.begin()
	if v := none.Status.Targets[0].Value; v != "50%" {
		t.Errorf("without hidden segments %s", v)
	}
	if v := all.Status.Targets[0].Value; v == suppressed {
		t.Error("with all hidden segments nothing is told of one, and it is not shown")
	}
	if v := some.Status.Targets[0].Value; v != suppressed {
		t.Errorf("with some of the hidden segments %s", v)
	}
}

// TestWhyANumberIsUnknownTellsNoNumbersOfFew has three people of whom seven are active.
func TestWhyANumberIsUnknownTellsNoNumbersOfFew(t *testing.T) {
	w := newWorld(t).withSegments("big", "tiny")
	least := int32(10)
	w.program.Spec.MinGroupSize = &least
	w.counts("population.query", map[string]float64{"big": 100, "tiny": 3})
	w.counts("rate.active", map[string]float64{"big": 50, "tiny": 7})
	p := w.phase("each", targetingEach("adopted", "80%"))
	w.begin()
	for _, text := range []string{w.program.Status.Metrics[0].Unknown, w.program.Status.Summary, p.Status.Summary} {
		if strings.Contains(text, "7 are") || strings.Contains(text, "only 3") {
			t.Errorf("it tells: %s", text)
		}
	}
}
