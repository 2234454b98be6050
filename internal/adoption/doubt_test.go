// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"maps"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// A doubt is a way in which answers are no basis for a decision. It changes the answers
// of a world with segments cart and media, in which both had rows before.
type doubt struct {
	name string
	// kinds of metric that can be doubted this way; nil: all.
	kinds []string
	apply func(*world, *rapid.T)
	// whole says that segments by themselves are still known, or some of them.
	whole bool
}

func (w *world) eachAnswer(change func(path string, a *Measurement)) {
	for _, path := range []string{"rate.active", "ratio.numerator", "ratio.denominator", "share.new", "share.legacy", plainPath} {
		if a := w.answers[path]; a != nil {
			changed := *a
			changed.Rows = append([]Row(nil), a.Rows...)
			change(path, &changed)
			w.answers[path] = &changed
		}
	}
}

func (w *world) eachRow(change func(*Row)) {
	w.eachAnswer(func(_ string, a *Measurement) {
		for i := range a.Rows {
			change(&a.Rows[i])
		}
	})
}

var doubts = []doubt{
	{"the source does not answer", nil, func(w *world, _ *rapid.T) { w.away() }, false},
	{"an answer is a part", nil, func(w *world, _ *rapid.T) {
		w.eachAnswer(func(path string, _ *Measurement) { w.down[path] = "complete is not true: the answer is only a part" })
	}, false},
	{"no row has a number", nil, func(w *world, _ *rapid.T) { w.eachRow(func(r *Row) { r.Unknown = "the value is NaN" }) }, false},
	{"every row is out of date", nil, func(w *world, _ *rapid.T) { w.eachRow(func(r *Row) { r.Expires = w.now.Add(-time.Hour) }) }, false},
	{"rows went missing", nil, func(w *world, rt *rapid.T) {
		gone := rapid.SampledFrom([]string{"cart", "media"}).Draw(rt, "gone")
		w.eachAnswer(func(_ string, a *Measurement) {
			var kept []Row
			for _, row := range a.Rows {
				if row.Segment != gone {
					kept = append(kept, row)
				}
			}
			a.Rows = kept
		})
	}, true},
	{"rows have names of nobody", nil, func(w *world, _ *rapid.T) { w.eachRow(func(r *Row) { r.Segment += "-x" }) }, false},
	{"rows have no name", nil, func(w *world, _ *rapid.T) {
		w.eachAnswer(func(_ string, a *Measurement) {
			sum := 0.0
			for _, row := range a.Rows {
				sum += row.Value
			}
			a.Rows = []Row{{Value: sum}}
		})
	}, false},
	{"there is a total", []string{"rate", "ratio", "share", "count", "falling count"}, func(w *world, rt *rapid.T) {
		name := rapid.SampledFrom([]string{"", "Total", "all"}).Draw(rt, "total")
		w.eachAnswer(func(_ string, a *Measurement) {
			sum := 0.0
			for _, row := range a.Rows {
				sum += row.Value
			}
			a.Rows = append([]Row{{Segment: name, Value: sum}}, a.Rows...)
		})
	}, true},
	{"a fraction is on a scale of 100", []string{"share of a whole"}, func(w *world, rt *rapid.T) {
		scale := rapid.Float64Range(1.5, 100).Draw(rt, "value")
		w.eachRow(func(r *Row) { r.Value = scale })
	}, false},
	{"more than the whole", []string{"ratio"}, func(w *world, _ *rapid.T) {
		w.eachAnswer(func(path string, a *Measurement) {
			for i := range a.Rows {
				a.Rows[i].Value = 3
				if path == "ratio.numerator" {
					a.Rows[i].Value = 4
				}
			}
		})
	}, false},
	{"more active than eligible", []string{"rate"}, func(w *world, _ *rapid.T) { w.eachRow(func(r *Row) { r.Value = 150 }) }, false},
	{"negative", nil, func(w *world, _ *rapid.T) { w.eachRow(func(r *Row) { r.Value = -1 }) }, false},
	{"a fall to nothing", []string{"falling count"}, func(w *world, _ *rapid.T) { w.eachRow(func(r *Row) { r.Value = 0 }) }, false},
	{"the old route vanished", []string{"share"}, func(w *world, _ *rapid.T) {
		w.series("share.legacy", map[string]float64{"cart": 0, "media": 0})
	}, false},
	{"a fall by more than half", []string{"falling count"}, func(w *world, rt *rapid.T) {
		by := rapid.Float64Range(2.1, 50).Draw(rt, "by")
		w.eachRow(func(r *Row) { r.Value /= by })
	}, false},
	{"the population dropped", []string{"rate"}, func(w *world, _ *rapid.T) {
		w.series("population.query", map[string]float64{"cart": 40, "media": 40})
	}, false},
	{"the population is of nobody", []string{"rate"}, func(w *world, _ *rapid.T) {
		w.series("population.query", map[string]float64{"cart-x": 100, "media-x": 100})
	}, false},
}

// doubtful draws a world whose metric is of a kind, and lets it live for a while.
func doubtful(rt *rapid.T, t *testing.T, kind string) *world {
	w := newWorld(t).withSegments("cart", "media")
	w.interval = rapid.SampledFrom([]time.Duration{hour, 2 * hour}).Draw(rt, "interval")
	m := w.metric("adopted")
	parts := func(n, d float64) (map[string]float64, map[string]float64) {
		return map[string]float64{"cart": n, "media": n}, map[string]float64{"cart": d, "media": d}
	}
	level := rapid.Float64Range(10, 90).Draw(rt, "level")
	target := rapid.IntRange(5, 95).Draw(rt, "target")
	atLeast, unit := true, "%"
	n, d := parts(level, 100)
	w.series("population.query", d)
	switch kind {
	case "rate":
		w.series("rate.active", n)
	case "ratio":
		m.Rate, m.Ratio = nil, &v1alpha1.Ratio{Numerator: *objectsQuery("A"), Denominator: *objectsQuery("B")}
		w.series("ratio.numerator", n)
		w.series("ratio.denominator", d)
	case "share":
		m.Rate, m.Share = nil, &v1alpha1.Share{New: *objectsQuery("A"), Legacy: *objectsQuery("B")}
		w.series("share.new", n)
		w.series("share.legacy", map[string]float64{"cart": 100 - level, "media": 100 - level})
	case "share of a whole":
		w.plain(v1alpha1.DimensionConformance, v1alpha1.FormatPercent)
		w.series(plainPath, map[string]float64{"cart": level / 100, "media": level / 100})
	default:
		w.plain(v1alpha1.DimensionReach, v1alpha1.FormatNumber)
		unit = ""
		if kind == "falling count" {
			m.Direction, atLeast = v1alpha1.DirectionDecrease, false
		}
		w.series(plainPath, n)
	}
	for _, scope := range []v1alpha1.TargetScope{v1alpha1.ScopeOverall, v1alpha1.ScopeEach} {
		bound := v1alpha1.Number(rapidNumber(target, unit))
		w.phase(strings.ToLower(string(scope)), with(func(s *v1alpha1.PhaseSpec) {
			s.Targets = []v1alpha1.Target{{Metric: "adopted", Scope: scope, AtLeast: bound}}
			if !atLeast {
				s.Targets[0].AtLeast, s.Targets[0].AtMost = "", bound
			}
			s.Sustain = &v1alpha1.Sustain{For: "0", OnRegression: v1alpha1.OnRegressionFlag}
			if rapid.Bool().Draw(rt, "holds") {
				s.Hold = &v1alpha1.Hold{For: "5h"}
			}
		}))
	}
	w.barrier("many", func(s *v1alpha1.BarrierSpec) {
		s.Detect = &v1alpha1.Detect{Metric: "adopted", AtLeast: v1alpha1.Number(rapidNumber(50, unit))}
	})
	w.barrier("few", func(s *v1alpha1.BarrierSpec) {
		s.Detect = &v1alpha1.Detect{Metric: "adopted", AtMost: v1alpha1.Number(rapidNumber(50, unit)), Scope: v1alpha1.DetectAny}
	})
	w.begin()
	w.run(time.Duration(rapid.IntRange(1, 12).Draw(rt, "hours")) * hour)
	return w
}

func rapidNumber(n int, unit string) string { return decimal(float64(n)) + unit }

// TestDoubtfulAnswersMoveNothing draws worlds in which an answer is partial, of nobody,
// implausible or too old: no phase, barrier or hold moves, and the reason is said.
func TestDoubtfulAnswersMoveNothing(t *testing.T) {
	for _, d := range doubts {
		t.Run(d.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				kinds := d.kinds
				if kinds == nil {
					kinds = []string{"rate", "ratio", "share", "share of a whole", "count", "falling count"}
				}
				kind := rapid.SampledFrom(kinds).Draw(rt, "kind")
				w := doubtful(rt, t, kind)
				before := stateOf(w, d.whole)
				d.apply(w, rt)
				if rapid.Bool().Draw(rt, "restarted") {
					w.restart()
				}
				w.run(8 * hour)
				if after := stateOf(w, d.whole); !maps.Equal(before, after) {
					rt.Fatalf("%s moved something:\n%v\n%v\ntold: %s", kind, before, after, strings.Join(w.told, "\n"))
				}
				if w.program.Status.Metrics[0].Unknown == "" {
					rt.Fatalf("%s: the metric is not said to be unknown: %+v", kind, w.program.Status.Metrics[0])
				}
				for _, p := range w.phases {
					if p.Status.State == v1alpha1.PhaseWaiting || d.whole && p.Name == "each" {
						continue
					}
					if !strings.Contains(p.Status.Summary, "Nothing moves.") && p.Status.State != v1alpha1.PhaseRegressed {
						rt.Fatalf("%s: phase %s (%s) does not say that nothing moves: %s", kind, p.Name, p.Status.State, p.Status.Summary)
					}
				}
				if !strings.Contains(w.program.Status.Summary, "Nothing moves.") {
					rt.Fatalf("%s: the program does not say so: %s", kind, w.program.Status.Summary)
				}
			})
		})
	}
}

// stateOf is what may not move: states, and the checks of holds. Where only the whole is
// in doubt, what looks at each segment is left out.
func stateOf(w *world, whole bool) map[string]string {
	states := map[string]string{}
	for _, p := range w.phases {
		if whole && p.Name == "each" {
			continue
		}
		states["phase "+p.Name] = string(p.Status.State)
		if p.Status.Hold != nil {
			states["phase "+p.Name] += " " + p.Status.Hold.Checks
		}
	}
	for _, b := range w.barriers {
		if d := b.Spec.Detect; whole && d != nil && d.Scope == v1alpha1.DetectAny {
			continue
		}
		states["barrier "+b.Name] = string(b.Status.State)
	}
	return states
}
