// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// withMetrics adds metrics of other kinds: old falls, score is a plain number, and
// cost is one number whatever is done.
func withMetrics(t *testing.T) *world {
	w := newWorld(t).withSegments("staff", "students")
	w.program.Spec.Metrics = append(w.program.Spec.Metrics,
		v1alpha1.Metric{Name: "old", Direction: v1alpha1.DirectionDecrease, Query: objectsQuery("Old")},
		v1alpha1.Metric{Name: "score", Query: &v1alpha1.Query{ConfigMap: &v1alpha1.ConfigMapQuery{Name: "numbers", Key: "score"}}},
		v1alpha1.Metric{Name: "cost", Query: &v1alpha1.Query{HTTP: &v1alpha1.HTTPQuery{Path: "/cost"}, SourceRef: &v1alpha1.SourceRef{Name: "api"}}},
	)
	w.counts("population.query", map[string]float64{"staff": 10, "students": 20})
	w.counts("rate.active", map[string]float64{"staff": 1, "students": 2})
	w.counts("old].query", map[string]float64{"staff": 5, "students": 5})
	w.counts("score].query", map[string]float64{"": 5})
	return w
}

func target(metric v1alpha1.Name, change func(*v1alpha1.Target)) v1alpha1.Target {
	t := v1alpha1.Target{Metric: metric}
	change(&t)
	return t
}

func targets(list ...v1alpha1.Target) phaseOption {
	return func(p *v1alpha1.Phase) { p.Spec.Targets = list }
}

func least(metric v1alpha1.Name, n v1alpha1.Number, segments ...v1alpha1.SegmentName) v1alpha1.Target {
	return v1alpha1.Target{Metric: metric, AtLeast: n, Segments: segments}
}

func most(metric v1alpha1.Name, n v1alpha1.Number, segments ...v1alpha1.SegmentName) v1alpha1.Target {
	return v1alpha1.Target{Metric: metric, AtMost: n, Segments: segments}
}

func each(t v1alpha1.Target) v1alpha1.Target {
	t.Scope = v1alpha1.ScopeEach
	return t
}

func inShare(t v1alpha1.Target, share v1alpha1.Percentage) v1alpha1.Target {
	t.SegmentShare = share
	return t
}

func dated(notBefore, deadline v1alpha1.Date) phaseOption {
	return with(func(s *v1alpha1.PhaseSpec) { s.NotBefore, s.Deadline = notBefore, deadline })
}

func inSegments(names ...v1alpha1.SegmentName) phaseOption {
	return with(func(s *v1alpha1.PhaseSpec) { s.Segments = names })
}

// Each contradiction of a phase is told with its field and what to do about it.
func TestAPhaseThatContradictsItselfIsRefused(t *testing.T) {
	good := targets(least("adopted", "80%"))
	for name, test := range map[string]struct {
		options []phaseOption
		says    string
	}{
		"a bound against a falling metric":       {[]phaseOption{targets(least("old", "5"))}, "spec.targets[0].atLeast: metric old should decrease (spec.metrics[old].direction): write atMost, or set direction: Increase"},
		"a bound against a rising metric":        {[]phaseOption{targets(most("adopted", "80%"))}, "spec.targets[0].atMost: metric adopted should increase: write atLeast, or set direction: Decrease in spec.metrics[adopted]"},
		"a fraction for a percentage":            {[]phaseOption{targets(least("adopted", "0.8"))}, `write "80%" (or "0.8%" if you really mean less than one percent)`},
		"no percent sign":                        {[]phaseOption{targets(least("adopted", "50"))}, `write "50%"`},
		"more than all":                          {[]phaseOption{targets(least("adopted", "150%"))}, "ask for something from 0% to 100%"},
		"nothing":                                {[]phaseOption{targets(least("adopted", "0%"))}, "0% is always met: ask for more"},
		"less than nothing":                      {[]phaseOption{targets(most("old", "-1"))}, "-1 can never be met: ask for 0 or more"},
		"targets that exclude each other":        {[]phaseOption{targets(least("score", "80"), most("score", "50"))}, "spec.targets[1]: atMost 50 contradicts atLeast 80 in spec.targets[0]"},
		"each segment against all of them":       {[]phaseOption{targets(each(least("adopted", "80%")), most("adopted", "50%"))}, "contradicts atLeast 80% in spec.targets[0]"},
		"each of some against each of others":    {[]phaseOption{targets(each(least("old", "9", "staff", "students")), each(most("old", "5", "students")))}, "spec.targets[1]: atMost 5 contradicts atLeast 9"},
		"one target twice":                       {[]phaseOption{targets(least("adopted", "80%"), least("adopted", "80.0%"))}, "spec.targets[1]: says the same as spec.targets[0]: take one of them out"},
		"each of an undivided number":            {[]phaseOption{targets(each(least("cost", "3")))}, "spec.targets[0].scope: metric cost has no value for each segment, because spec.metrics[cost].query is one number"},
		"a share of segments of one number":      {[]phaseOption{targets(target("cost", func(t *v1alpha1.Target) { t.AtLeast, t.SegmentShare = "3", "50%" }))}, "set http.segment; or take segmentShare out"},
		"segments of an undivided number":        {[]phaseOption{targets(least("cost", "3", "staff"))}, "set http.segment; or take segments out"},
		"each of an answer with one number":      {[]phaseOption{targets(each(least("score", "3")))}, "answers with one number, not one for each segment: write it as CSV with a column segment"},
		"no segments at all":                     {[]phaseOption{targets(target("adopted", func(t *v1alpha1.Target) { t.AtLeast, t.SegmentShare = "80%", "0%" }))}, "0% of the segments are always there"},
		"a segment outside of the audience":      {[]phaseOption{targets(least("adopted", "80%", "students")), inSegments("staff")}, "spec.targets[0].segments: students: not in spec.segments"},
		"a segment that is not there":            {[]phaseOption{good, inSegments("faculty")}, `spec.segments[0]: there is no segment "faculty"; there are staff, students`},
		"a segment misspelt":                     {[]phaseOption{good, inSegments("stuff")}, `the nearest name is "staff"`},
		"a margin of all that is asked for":      {[]phaseOption{targets(least("adopted", "5%")), sustained("10%", "1d", "Flag")}, "spec.sustain.margin: 10% below adopted at least 5% is nothing"},
		"a margin of all of every target":        {[]phaseOption{targets(least("adopted", "5%"), least("adopted", "6%", "staff")), sustained("10%", "1d", "Flag")}, "spec.sustain.margin: 10% below adopted at least 5% is nothing"},
		"shares of segments that meet":           {[]phaseOption{targets(inShare(least("score", "80"), "60%"), inShare(most("score", "50"), "50%"))}, "spec.targets[1]: atMost 50 contradicts atLeast 80"},
		"one share of segments that is too much": {[]phaseOption{targets(inShare(least("score", "80"), "60%"), inShare(most("score", "50"), "60%"))}, "spec.targets[1]: atMost 50 contradicts atLeast 80"},
		"a margin in another unit":               {[]phaseOption{good, sustained("4h", "1d", "Flag")}, "spec.sustain.margin: metric adopted"},
		"a start after the deadline":             {[]phaseOption{good, dated("2027-05-01", "2027-04-01")}, "spec.notBefore: 2027-05-01 is after the deadline 2027-04-01: move one of them"},
		"a start after the deadline, by moment":  {[]phaseOption{good, dated("2027-04-01T10:00:00Z", "2027-04-01T09:00:00Z")}, "is after the deadline"},
		"no time for the hold":                   {[]phaseOption{good, dated("2027-03-25", "2027-04-01"), holdingFor("14d", "", 0)}, "spec.hold.for: 14d do not fit between notBefore 2027-03-25 and the deadline 2027-04-01: move the deadline to 2027-04-08 or later"},
		"a hold longer than all":                 {[]phaseOption{good, with(func(s *v1alpha1.PhaseSpec) { s.MaxDuration = "7d" }), holdingFor("14d", "", 0)}, "spec.maxDuration: 7d are over before the hold of 14d is"},
		"frozen all the time":                    {[]phaseOption{good, dated("2026-12-20", "2026-12-31")}, "spec.deadline: freezes last from notBefore 2026-12-20 to the deadline 2026-12-31"},
		"frozen when it would be achieved":       {[]phaseOption{good, dated("2026-12-10", "2026-12-31"), holdingFor("10d", "", 0)}, "freezes last to the deadline 2026-12-31 from when the phase could be achieved"},
		"due before what it depends on":          {[]phaseOption{good, dependingOn("spring"), dated("", "2027-03-10")}, "spec.deadline: 2027-03-10 cannot be met, because the phase starts on 2027-03-15 at the earliest (phase spring, achieved on 2027-03-15)"},
		"started after it was achieved":          {[]phaseOption{good, checkpoint("2026-10-01", "2026-10-02")}, "spec.checkpoint: startedAt (2026-10-02) is after achievedAt (2026-10-01): exchange them"},
		"achieved in the future":                 {[]phaseOption{good, checkpoint("2026-12-01", "")}, "spec.checkpoint.achievedAt: 2026-12-01 is in the future"},
		"started in the future":                  {[]phaseOption{good, checkpoint("", "2026-12-01T00:00:00Z")}, "spec.checkpoint.startedAt: 2026-12-01T00:00:00Z is in the future"},
	} {
		t.Run(name, func(t *testing.T) {
			w := withMetrics(t)
			w.program.Spec.Freezes = []v1alpha1.Freeze{{From: "2026-12-19", To: "2027-01-06", Reason: "Holidays"}}
			w.phase("spring", targeting("adopted", "50%"), dated("2027-03-01", ""), holdingFor("14d", "", 0))
			p := w.phase("wrong", test.options...)
			w.begin()
			if !strings.Contains(p.Status.Summary, test.says) {
				t.Errorf("it is told %q, want %q", p.Status.Summary, test.says)
			}
			ready := condition(p.Status.Conditions, "Ready")
			if !strings.HasPrefix(ready, "False/") || hasStarted(p) && !strings.Contains(name, "answer") {
				t.Errorf("it is %s, Ready is %s", p.Status.State, ready)
			}
		})
	}
}

func checkpoint(achievedAt, startedAt v1alpha1.Date) phaseOption {
	return with(func(s *v1alpha1.PhaseSpec) {
		s.Checkpoint = &v1alpha1.Checkpoint{AchievedAt: achievedAt, StartedAt: startedAt}
	})
}

// What only looks like a contradiction works.
func TestAPhaseThatIsUnusualWorks(t *testing.T) {
	for name, options := range map[string][]phaseOption{
		"a band":                              {targets(least("score", "3"), most("score", "50"))},
		"two audiences of one metric":         {targets(least("score", "3"), least("adopted", "80%", "staff"), least("adopted", "50%", "students"))},
		"a deadline that has passed":          {targets(least("adopted", "80%")), dated("", "2026-01-01")},
		"a hold that ends with the deadline":  {targets(least("adopted", "80%")), dated("2027-03-25", "2027-04-01"), holdingFor("8d", "", 0)},
		"the same day":                        {targets(least("adopted", "80%")), dated("2027-03-25", "2027-03-25")},
		"a negative number":                   {targets(least("score", "-20")), sustained("10", "1d", "Flag")},
		"everything":                          {targets(least("adopted", "100%"), most("old", "0"))},
		"a margin of a falling metric":        {targets(most("old", "0")), sustained("3", "1d", "Flag")},
		"an undivided number beside segments": {targets(least("adopted", "80%", "staff"), least("cost", "3")), inSegments("staff")},
		"a margin that leaves one target":     {targets(least("adopted", "80%"), least("adopted", "5%", "staff")), sustained("10%", "1d", "Flag")},
		"shares of segments that are apart":   {targets(inShare(least("parts", "80"), "40%"), inShare(most("parts", "50"), "40%"))},
		"other shares that are apart":         {targets(inShare(least("parts", "80"), "40%"), inShare(most("parts", "50"), "40%"), inShare(least("parts", "70"), "60%"))},
		"a loss":                              {targets(least("saving", "-5%")), sustained("10%", "1d", "Flag")},
		"a deadline in a freeze":              {targets(least("adopted", "80%")), dated("2026-12-01", "2026-12-24")},
		"achieved today in Auckland":          {targets(least("adopted", "80%")), checkpoint("2026-11-02", "")},
	} {
		t.Run(name, func(t *testing.T) {
			w := withMetrics(t)
			w.program.Spec.Freezes = []v1alpha1.Freeze{{From: "2026-12-19", To: "2027-01-06", Reason: "Holidays"}, {From: "2026-12-19", To: "2027-01-06", Reason: "Holidays"}}
			w.program.Spec.Metrics = append(w.program.Spec.Metrics,
				v1alpha1.Metric{Name: "parts", Dimension: v1alpha1.DimensionDepth, Query: objectsQuery("Part")},
				v1alpha1.Metric{Name: "saving", Dimension: v1alpha1.DimensionValue, Format: v1alpha1.FormatPercent, Query: &v1alpha1.Query{ConfigMap: &v1alpha1.ConfigMapQuery{Name: "numbers", Key: "saving"}}})
			p := w.phase("right", options...)
			w.begin()
			if ready := condition(p.Status.Conditions, "Ready"); !strings.HasPrefix(ready, "True/") {
				t.Errorf("refused: %s", p.Status.Summary)
			}
		})
	}
}

func TestAProgramThatContradictsItselfIsRefused(t *testing.T) {
	exempt := func(n int64) []v1alpha1.Exemption {
		return []v1alpha1.Exemption{{Count: n, Reason: "on leave", ApprovedBy: "CIO"}}
	}
	declared := func(spec *v1alpha1.AdoptionProgramSpec) {
		spec.Population = &v1alpha1.Population{Count: new(int64(30))}
	}
	for name, test := range map[string]struct {
		change func(*v1alpha1.AdoptionProgramSpec)
		says   string
	}{
		"more exempt than there are": {func(s *v1alpha1.AdoptionProgramSpec) {
			declared(s)
			s.Segments[0].Exemptions, s.Segments[1].Exemptions = exempt(20), exempt(11)
		}, "spec.segments: 31 are exempt, and spec.population.count is 30"},
		"a cohort larger than all":    {func(s *v1alpha1.AdoptionProgramSpec) { declared(s); s.MinGroupSize = new(int32(31)) }, "spec.minGroupSize: no number would ever be shown"},
		"an alias of another segment": {func(s *v1alpha1.AdoptionProgramSpec) { s.Segments[0].Aliases = []v1alpha1.SegmentName{"students"} }, `spec.segments[staff].aliases[0]: "students" is also a name of segment "students"`},
		"an alias of two segments": {func(s *v1alpha1.AdoptionProgramSpec) {
			s.Segments[0].Aliases, s.Segments[1].Aliases = []v1alpha1.SegmentName{"all"}, []v1alpha1.SegmentName{"all"}
		}, `spec.segments[students].aliases[0]: "all" is also a name of segment "staff"`},
		"an alias of itself":       {func(s *v1alpha1.AdoptionProgramSpec) { s.Segments[0].Aliases = []v1alpha1.SegmentName{"staff"} }, "is the name of the segment itself"},
		"a review in the future":   {func(s *v1alpha1.AdoptionProgramSpec) { s.ReviewedAt = "2026-12-01" }, "spec.reviewedAt: 2026-12-01 is in the future: write the day on which it was reviewed"},
		"a reviewer without a day": {func(s *v1alpha1.AdoptionProgramSpec) { s.ReviewedBy = "ada" }, "set spec.reviewedAt"},
		"a baseline in the future": {func(s *v1alpha1.AdoptionProgramSpec) {
			s.Metrics[0].Baseline = &v1alpha1.Baseline{Value: "2%", At: "2027-01-01"}
		}, "spec.metrics[adopted].baseline.at: 2027-01-01 is in the future"},
		"a baseline above all": {func(s *v1alpha1.AdoptionProgramSpec) { s.Metrics[0].Baseline = &v1alpha1.Baseline{Value: "200%"} }, "at most 100%"},
		"a freeze that ends first": {func(s *v1alpha1.AdoptionProgramSpec) {
			s.Freezes = []v1alpha1.Freeze{{From: "2026-12-02", To: "2026-12-01"}}
		}, "spec.freezes[0]: to is before from: exchange them"},
		"answers that are stale at once": {func(s *v1alpha1.AdoptionProgramSpec) { s.Interval, s.Metrics[0].StaleAfter = "5m", "1m" }, "spec.metrics[adopted].staleAfter: 1m is shorter than spec.interval (5m)"},
		"an exemption that never expires": {func(s *v1alpha1.AdoptionProgramSpec) {
			s.Segments[0].Exemptions = exempt(1)
			s.Segments[0].Exemptions[0].Expires = "2027-02-30"
		}, `spec.segments[staff].exemptions[0].expires: "2027-02-30" is not a date`},
	} {
		t.Run(name, func(t *testing.T) {
			w := withMetrics(t)
			w.program.Spec.SourceRef = &v1alpha1.SourceRef{Name: "api"}
			test.change(&w.program.Spec)
			w.begin()
			if got := condition(w.program.Status.Conditions, "Stalled"); got != "True/InvalidSpec" {
				t.Errorf("Stalled is %s", got)
			}
			if !strings.Contains(w.program.Status.Summary, test.says) {
				t.Errorf("it is told %q, want %q", w.program.Status.Summary, test.says)
			}
		})
	}
}

func TestABarrierThatContradictsItselfIsRefused(t *testing.T) {
	detect := func(d v1alpha1.Detect) func(*v1alpha1.BarrierSpec) {
		return func(s *v1alpha1.BarrierSpec) { s.Detect = &d }
	}
	for name, test := range map[string]struct {
		change func(*v1alpha1.BarrierSpec)
		says   string
	}{
		"due before it was reported":  {func(s *v1alpha1.BarrierSpec) { s.ReportedAt, s.DueBy = "2026-10-02", "2026-10-01" }, "spec.dueBy: 2026-10-01 is before reportedAt (2026-10-02): exchange them"},
		"always detected":             {detect(v1alpha1.Detect{Metric: "old", AtLeast: "0"}), "spec.detect.atLeast: metric old is never below 0, so that 0 is always detected"},
		"always detected, from above": {detect(v1alpha1.Detect{Metric: "adopted", AtMost: "100%"}), "spec.detect.atMost: metric adopted is never above 100%, so that 100% is always detected"},
		"never detected":              {detect(v1alpha1.Detect{Metric: "adopted", AtLeast: "101%"}), "is never detected: write less"},
		"never detected, from below":  {detect(v1alpha1.Detect{Metric: "old", AtMost: "-1"}), "is never detected: write 0 or more"},
	} {
		t.Run(name, func(t *testing.T) {
			w := withMetrics(t)
			b := w.barrier("wrong", test.change)
			w.begin()
			if !strings.Contains(b.Status.Summary, test.says) || condition(b.Status.Conditions, "Stalled") != "True/InvalidSpec" {
				t.Errorf("it is told %q, want %q", b.Status.Summary, test.says)
			}
		})
	}
}

// Who mends one mistake does not want to hear of the next one afterwards.
func TestEveryMistakeIsToldAtOnceAndOwnOnesFirst(t *testing.T) {
	w := withMetrics(t)
	p := w.phase("wrong", targets(least("adoptd", "80%"), least("old", "5"), each(least("cost", "3"))),
		dependingOn("nobody"), inSegments("faculty"), dated("2027-05-01", "2027-04-01"), holdingFor("1d", "2d", 0))
	w.begin()
	stalled := ""
	for _, c := range p.Status.Conditions {
		if c.Type == "Stalled" {
			stalled = c.Message
		}
	}
	for i, says := range []string{
		"spec.hold.every: 2d", `there is no metric "adoptd"; the nearest name is "adopted"`, "spec.targets[1].atLeast: metric old should decrease",
		"spec.targets[2].scope", "spec.notBefore", `there is no segment "faculty"`, `spec.dependsOn[0]: there is no phase "nobody"`,
	} {
		at := strings.Index(stalled, fmt.Sprintf("(%d) ", i+1))
		if at < 0 || !strings.Contains(stalled[at:], says) {
			t.Errorf("%q is not the %dth in %q", says, i+1, stalled)
		}
	}
	if !strings.HasPrefix(stalled, "7 things are wrong: ") {
		t.Errorf("it begins with %q", stalled)
	}
}

func TestMistakesThatThereIsNoRoomForAreCounted(t *testing.T) {
	w := withMetrics(t)
	p := w.phase("wrong", func(p *v1alpha1.Phase) {
		for i := range 16 {
			p.Spec.Targets = append(p.Spec.Targets, least(v1alpha1.Name(fmt.Sprintf("a-metric-that-is-nowhere-%d-%s", i, strings.Repeat("x", 30))), "5"))
		}
		for range 99 {
			p.Spec.Segments = append(p.Spec.Segments, v1alpha1.SegmentName(strings.Repeat("部", 128)))
		}
	})
	w.begin()
	for _, c := range p.Status.Conditions {
		if len(c.Message) > 2048 || c.Type == "Stalled" && !strings.Contains(c.Message, " more") {
			t.Errorf("%s has %d bytes: %s", c.Type, len(c.Message), c.Message)
		}
	}
}

func TestWhatIsOnlyOddIsSaidAndKeepsNothingBack(t *testing.T) {
	w := withMetrics(t)
	w.program.Spec.SourceRef = &v1alpha1.SourceRef{Name: "api"}
	w.program.Spec.Segments[0].Exemptions = []v1alpha1.Exemption{{Count: 11, Reason: "on leave", ApprovedBy: "CIO"}}
	p := w.phase("odd", targets(least("adopted", "80%"), least("adopted", "60%")), inSegments("students"))
	w.phase("late", targeting("adopted", "50%"), dated("", "2027-03-31"))
	w.phase("early", targeting("adopted", "70%"), dependingOn("late"), dated("", "2027-03-30"))
	b := w.barrier("odd", func(s *v1alpha1.BarrierSpec) {
		s.Phases, s.Segments = []v1alpha1.ObjectName{"odd"}, []v1alpha1.SegmentName{"staff"}
		s.ReportedAt = "2026-12-02"
	})
	w.begin()
	w.expect(p, v1alpha1.PhaseActive)
	if early := w.phases[2]; !strings.Contains(strings.Join(shortConditions(early.Status.Conditions), ""), "Warning: spec.deadline: 2027-03-30 is before that of phase late (2027-03-31)") {
		t.Errorf("not warned: %v", shortConditions(early.Status.Conditions))
	}
	for _, c := range append(append(p.Status.Conditions, b.Status.Conditions...), w.program.Status.Conditions...) {
		if c.Type == "Ready" && !strings.Contains(c.Message, " Warning: ") {
			t.Errorf("not warned: %s", c.Message)
		}
	}
}

// A saving may be a loss: only a share of a whole is never below zero.
func TestAPercentageThatIsNoShareOfAWholeMayBeNegative(t *testing.T) {
	for dimension, want := range map[v1alpha1.Dimension]bool{
		v1alpha1.DimensionValue: true, v1alpha1.DimensionDepth: true, v1alpha1.DimensionFrequency: true,
		v1alpha1.DimensionReach: false, v1alpha1.DimensionQuality: false,
	} {
		w := newWorld(t)
		w.is(50, 100)
		w.program.Spec.Metrics = append(w.program.Spec.Metrics, v1alpha1.Metric{
			Name: "saving", Dimension: dimension, Format: v1alpha1.FormatPercent, Query: &v1alpha1.Query{HTTP: &v1alpha1.HTTPQuery{Path: "/saving"}, SourceRef: &v1alpha1.SourceRef{Name: "api"}},
		})
		w.counts("saving].query", map[string]float64{"": -0.05})
		b := w.barrier("losses", func(s *v1alpha1.BarrierSpec) { s.Detect = &v1alpha1.Detect{Metric: "saving", AtMost: "-4%"} })
		w.begin()
		if got := w.program.Status.Metrics[1].Unknown == ""; got != want {
			t.Errorf("%s: -5%% is known: %v (%s)", dimension, got, w.program.Status.Metrics[1].Unknown)
		}
		if got := condition(b.Status.Conditions, "Stalled") == "-"; got != want {
			t.Errorf("%s: to detect it is allowed: %v (%s)", dimension, got, b.Status.Summary)
		}
	}
	for _, refused := range []v1alpha1.Metric{
		{Dimension: v1alpha1.DimensionValue, Format: v1alpha1.FormatDuration, Query: &v1alpha1.Query{}},
		{Dimension: v1alpha1.DimensionReach, Query: &v1alpha1.Query{}},
	} {
		if !neverNegative(&refused) {
			t.Errorf("%s in %s may be negative", refused.Dimension, refused.Format)
		}
	}
}

// Where the clocks go forward, two days have 47 hours.
func TestAHoldOfTwoDaysFitsTheTwoDaysOfAClockChange(t *testing.T) {
	for name, test := range map[string]struct {
		notBefore, deadline v1alpha1.Date
		hold, says          string
	}{
		"two days":             {"2027-03-27", "2027-03-28", "2d", ""},
		"two days, by moment":  {"2027-03-27T10:00:00+01:00", "2027-03-29T10:00:00+02:00", "2d", ""},
		"three days":           {"2027-03-27", "2027-03-28", "3d", "move the deadline to 2027-03-30 or later"},
		"never the same again": {"2027-03-27T10:00:00+01:00", "2027-03-29T09:00:00+02:00", "2d", "move the deadline to 2027-03-30 or later"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.is(10, 100)
			w.program.Spec.TimeZone = "Europe/Zurich"
			p := w.phase("only", targeting("adopted", "80%"), dated(test.notBefore, test.deadline), holdingFor(test.hold, "", 0))
			w.begin()
			refused := condition(p.Status.Conditions, "Stalled") != "-"
			if refused != (test.says != "") || !strings.Contains(p.Status.Summary, test.says) {
				t.Errorf("refused: %v, it is told %q, want %q", refused, p.Status.Summary, test.says)
			}
		})
	}
}

func TestAWarningOfExemptionsTellsNoNumbersOfSmallCohorts(t *testing.T) {
	for least, says := range map[int32]string{
		0: "11 are exempt of 10 who are eligible: correct the counts",
		5: "spec.segments[staff].exemptions: more are exempt than are eligible: correct the counts",
	} {
		w := withMetrics(t)
		w.program.Spec.SourceRef, w.program.Spec.MinGroupSize = &v1alpha1.SourceRef{Name: "api"}, &least
		w.program.Spec.Segments[0].Exemptions = []v1alpha1.Exemption{{Count: 11, Reason: "on leave", ApprovedBy: "CIO"}}
		w.begin()
		all := strings.Join(shortConditions(w.program.Status.Conditions), " ")
		if !strings.Contains(all, says) || least > 0 && strings.Contains(all, "11 are exempt") {
			t.Errorf("with minGroupSize %d it is told %q", least, all)
		}
	}
}
