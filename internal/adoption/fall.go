// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// What should decrease and falls to nothing, or by more than half, within a sampleEvery
// is too good to be true: an expired token, a broken filter or a dead exporter looks the
// same. It is believed when it lasts for a sampleEvery, or where heartbeat proves that
// the source lives. The whole and each segment are doubted by themselves.

// fallsBelow is the share of the value before below which a fall is doubted.
const fallsBelow = 0.5

// maxFallValues bounds segments x metrics that should fall, for the size of the status:
// in programs of more only the whole is doubted.
const maxFallValues = 500

// before is the value that a fall is told from, and since when there has been one.
type before struct {
	value float64
	at    time.Time
	since time.Time // zero: it has not fallen
}

func (s *stepper) doubtFall(r *Reading, m *v1alpha1.Metric, parts []*part) {
	if !shouldFall(m) || m.Heartbeat != nil || vouched(parts) {
		r.fall = nil
		return
	}
	memory, next := readBefore(r.fall), map[string]before{}
	d := fallDoubt{s, m, durationOr(m.SampleEvery, day), outOfAnswers(r, parts)}
	if len(r.Segments)*s.fallingMetrics() <= maxFallValues {
		for i := range r.Segments {
			seg := &r.Segments[i]
			if seg.Suppressed {
				continue // what is remembered is for everybody to read
			}
			key := seenHash("", seg.Name)
			if why := d.judge(memory, next, key, seg.Value, r); why != "" {
				seg.Value = unknownValue("segment " + seg.Name + " " + why)
			}
		}
	}
	if why := d.judge(memory, next, "", r.Total, r); why != "" {
		r.forget(metricPath(m) + " " + why)
	}
	r.fall = writeBefore(next, r.Suppressed)
}

func (s *stepper) fallingMetrics() int {
	n := 0
	for i := range s.program.Spec.Metrics {
		if m := &s.program.Spec.Metrics[i]; shouldFall(m) && m.Heartbeat == nil {
			n++
		}
	}
	return n
}

// fallDoubt is how a metric's falls are judged at one moment.
type fallDoubt struct {
	*stepper
	m    *v1alpha1.Metric
	wait time.Duration
	// anew says that a wait begins again: only answers that can be used make a fall last.
	anew bool
}

// judge says why a value is not believed yet, and remembers what the next is compared
// with: the value of up to a sampleEvery ago, so that a fall in steps is one as well.
func (d fallDoubt) judge(memory, next map[string]before, key string, value Value, r *Reading) string {
	was, known := memory[key]
	if known {
		was.at = d.notAhead(was.at)
		if !was.since.IsZero() {
			was.since = d.waitedSince(was.since, d.wait)
		}
	}
	if !r.Fresh || !value.Known {
		if known && d.anew && !was.since.IsZero() {
			was.since = d.now
		}
		if known {
			next[key] = was
		}
		return ""
	}
	now := fallsFrom(d.m, value)
	if !known {
		next[key] = before{value: now, at: d.now}
		return ""
	}
	if now > 0 && (onlyToNothing(d.m) || now >= fallsBelow*was.value) || was.value <= 0 {
		was.since = time.Time{}
		if now > was.value || now != was.value && !d.now.Before(was.at.Add(d.wait)) {
			was.value, was.at = now, d.now
		}
		next[key] = was
		return ""
	}
	if was.since.IsZero() {
		was.since = d.now
	}
	until := was.since.Add(d.wait)
	if !d.now.Before(until) { // it has lasted
		next[key] = before{value: now, at: d.now}
		return ""
	}
	d.agenda.at(until)
	next[key] = was
	return d.fallen(was.value, now, key == "" && r.Suppressed) + ": believed when it lasts for " + durationText(d.wait) + ", or at once with heartbeat"
}

func (d fallDoubt) fallen(from, to float64, hidden bool) string {
	what, format := "", formatOf(d.m)
	if onlyToNothing(d.m) {
		what, format = "share.legacy ", v1alpha1.FormatNumber
	}
	if hidden {
		return what + "fell by more than half in one answer"
	}
	return fmt.Sprintf("%sfell from %s to %s in one answer", what, formatValue(from, format, d.m.Direction), formatValue(to, format, d.m.Direction))
}

// shouldFall reports whether perfection is a small number: of a metric that should decrease,
// and of the old route in a share.
func shouldFall(m *v1alpha1.Metric) bool {
	return m.Direction == v1alpha1.DirectionDecrease || m.Share != nil
}

// onlyToNothing reports whether it is the old route that falls: traffic goes up and down, and
// only that there is none any more is doubted.
func onlyToNothing(m *v1alpha1.Metric) bool {
	return m.Share != nil && m.Direction != v1alpha1.DirectionDecrease
}

// fallsFrom is what a fall is told from: the value, or what still goes the old way.
func fallsFrom(m *v1alpha1.Metric, value Value) float64 {
	if onlyToNothing(m) {
		return value.Denominator - value.Numerator
	}
	return value.Amount
}

// vouched reports whether every answer comes from a source that knows everything.
func vouched(parts []*part) bool {
	return !slices.ContainsFunc(parts, func(p *part) bool { return !p.m.Complete })
}

// outOfAnswers reports whether there is no answer to use, and not for a moment.
func outOfAnswers(r *Reading, parts []*part) bool {
	if r.Fresh {
		return !r.Total.Known
	}
	return slices.ContainsFunc(parts, func(p *part) bool { return p.m.Problem != nil && p.m.Problem.Failures >= sourceFailures })
}

// readBefore reads what the status remembers: "=250@1793577600!1793600000 yX2_k=40@...",
// the value, when it was, and since when it has fallen. What cannot be read is forgotten.
func readBefore(status *v1alpha1.FallStatus) map[string]before {
	memory := map[string]before{}
	if status == nil {
		return memory
	}
	for field := range strings.FieldsSeq(status.Believed) {
		key, rest, ok1 := strings.Cut(field, "=")
		number, times, ok2 := strings.Cut(rest, "@")
		at, since, _ := strings.Cut(times, "!")
		value, err := strconv.ParseFloat(number, 64)
		if number == positive {
			value, err = 1e-300, nil
		}
		if seconds, err2 := strconv.ParseInt(at, 10, 64); ok1 && ok2 && err == nil && err2 == nil {
			one := before{value: value, at: time.Unix(seconds, 0).UTC()}
			if seconds, err := strconv.ParseInt(since, 10, 64); err == nil {
				one.since = time.Unix(seconds, 0).UTC()
			}
			memory[key] = one
		}
	}
	return memory
}

// positive stands for a value that is not shown: that it is none any more is noticed.
const positive = "+"

func writeBefore(memory map[string]before, hidden bool) *v1alpha1.FallStatus {
	status := &v1alpha1.FallStatus{}
	var fields []string
	for key, was := range memory {
		number := strconv.FormatFloat(was.value, 'g', -1, 64)
		if key == "" && hidden && was.value > 0 {
			number = positive
		}
		field := fmt.Sprintf("%s=%s@%d", key, number, was.at.Unix())
		if !was.since.IsZero() {
			field += fmt.Sprintf("!%d", was.since.Unix())
			if since := stamp(was.since); status.Since == nil || since.Before(status.Since) {
				status.Since = &since
			}
		}
		fields = append(fields, field)
	}
	slices.Sort(fields)
	status.Believed = strings.Join(fields, " ")
	return status
}
