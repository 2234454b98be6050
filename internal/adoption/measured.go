// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// What is said while measurements are missing: until when there were some, what is
// wrong, that nothing moves, and what was last.

// unmeasured says why no measurement decides about a started phase; empty while one
// does, and while the first answers are on their way.
func (p *phaseStep) unmeasured() string {
	if p.unjudgeable() || p.anyPending() {
		return ""
	}
	if _, ok := p.targets.decides(); ok {
		return ""
	}
	for i, v := range p.targets.verdicts {
		r := p.readings[string(v.target.Metric)]
		if v.fresh || p.done() && v.met != metav1.ConditionUnknown && r.failures < sourceFailures {
			continue // a blip matters only to what may move next
		}
		until := r.At
		if v.met == metav1.ConditionUnknown {
			until = time.Time{}
			if at := p.phase.Status.MeasuredAt; at != nil {
				until = at.Time
			}
		}
		why := cmp.Or(r.Why, v.why)
		return p.calendar.measuredUntil(until, p.now) + "; " + withoutPath(why) + ". Nothing moves." + lastOf(v, p.lastKnown(i))
	}
	return ""
}

// lastKnown is the newest known value of a target, and empty when there never was one.
func (p *phaseStep) lastKnown(i int) string {
	if v := p.targets.verdicts[i]; v.met != metav1.ConditionUnknown {
		return v.value
	}
	if old := p.oldTarget(i); old != nil {
		if old.Met != metav1.ConditionUnknown {
			return old.Value
		}
		return old.Last
	}
	return ""
}

func lastOf(v verdict, last string) string {
	switch {
	case last == "" || last == suppressed:
		return ""
	case v.each:
		met, of, _ := strings.Cut(last, "/")
		return fmt.Sprintf(" Last: %s of %s segments.", met, of)
	case v.target.AtLeast != "" && strings.HasSuffix(last, "%"):
		return fmt.Sprintf(" Last: %s of %s.", last, v.target.AtLeast)
	case v.target.AtLeast != "":
		return fmt.Sprintf(" Last: %s, at least %s.", last, v.target.AtLeast)
	default:
		return fmt.Sprintf(" Last: %s, at most %s.", last, v.target.AtMost)
	}
}

// measuredUntil says when there was a measurement, in the program's time zone.
func (c calendar) measuredUntil(at, now time.Time) string {
	switch {
	case at.IsZero():
		return "Not measured yet"
	case c.day(at) == c.day(now):
		return "Measured until " + at.In(c.zone).Format("15:04")
	default:
		return "Measured until " + at.In(c.zone).Format("2006-01-02 15:04")
	}
}

// withoutPath leaves out where in the spec a query stands: a summary has no room.
func withoutPath(why string) string {
	if rest, ok := strings.CutPrefix(why, "segment "); ok { // "segment cart: spec....: why"
		name, text, found := strings.Cut(rest, ": ")
		if found {
			return "segment " + name + ": " + withoutPath(text)
		}
	}
	if path, rest, ok := strings.Cut(why, ": "); ok && strings.HasPrefix(path, "spec.") && !strings.Contains(path, " ") {
		return rest
	}
	return why
}

// measured notes when every target was measured.
func (p *phaseStep) measured() {
	for _, v := range p.targets.verdicts {
		if v.met == metav1.ConditionUnknown {
			return
		}
	}
	if p.anyPending() || p.holdStrayed() || p.sustainStrayed() {
		return
	}
	if at := p.oldestAnswer(); !at.IsZero() {
		p.status.MeasuredAt = p.newerOf(p.phase.Status.MeasuredAt, at, p.phase.Status.ObservedGeneration == p.phase.Generation)
	}
}

func (p *phaseStep) oldestAnswer() time.Time {
	var oldest time.Time
	for _, v := range p.targets.verdicts {
		if oldest.IsZero() || v.at.Before(oldest) {
			oldest = v.at
		}
	}
	return oldest
}

// lacksData reports whether a started phase is without measurements, and not for a moment: for
// longer than staleAfter, or that there never were any.
func (p *phaseStep) lacksData() bool {
	if p.unjudgeable() || !p.started() {
		return false
	}
	for i, v := range p.targets.verdicts {
		if p.blindTo(i, v) {
			return true
		}
	}
	return false
}

func (p *phaseStep) blindTo(i int, v verdict) bool {
	r := p.readings[string(v.target.Metric)]
	switch {
	case r.Pending:
		return p.phase.Status.Health == v1alpha1.HealthUnknown
	case v.met != metav1.ConditionUnknown:
		return r.Stale && !r.Fresh
	case r.Stale && !r.Fresh || p.lastKnown(i) == "":
		return true
	}
	old := p.oldTarget(i)
	if old == nil || old.Met != metav1.ConditionUnknown || old.Since == nil {
		return false // known until now
	}
	usable := usableFor(Measurement{Interval: r.slowest}, durationOr(r.Metric.StaleAfter, 0))
	late := p.waitedSince(old.Since.Time, usable).Add(usable)
	p.agenda.at(late)
	return !p.now.Before(late)
}

// moment writes the day on which something ends, with the time where it ends within it.
func (c calendar) moment(end, now time.Time) string {
	local := end.In(c.zone)
	if local.Add(time.Second).Day() != local.Day() || !local.After(now.Add(-day)) {
		return c.day(end)
	}
	return local.Format("2006-01-02 15:04")
}
