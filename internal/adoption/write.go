// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// worthWriting reports whether a status is to be stored now: at once when its
// meaning changed, and at most every displayEvery when only values did. Nor does it
// follow a value that goes up and down around its target: a judgement that turned is
// not turned back before displayEvery is over. It sets when the values were written,
// which is a field of the new status.
func worthWriting[T any](s *stepper, old, status *T, meaning func(*T) *T, valuesAt **metav1.Time) bool {
	if onlyMeasuredAgain(old, status) {
		return false
	}
	from := time.Time{}
	was, is := meaning(old), meaning(status)
	switch last := *valuesAt; {
	case !equality.Semantic.DeepEqual(was, is):
		before, turned := withoutJudgement(was)
		after, _ := withoutJudgement(is)
		if before != after && equality.Semantic.DeepEqual(was, is) {
			from = turned
		}
	case last != nil:
		from = last.Time
	}
	if due := from.Add(s.displayEvery); s.now.Before(due) && !s.inFuture(from, 0) {
		s.agenda.at(due)
		return false
	}
	at := stamp(s.now)
	*valuesAt = &at
	return true
}

// withoutJudgement takes from a meaning what follows from its values alone, and returns
// that and when it turned. That something is not known, late, at risk or blocked does not
// follow from values.
func withoutJudgement(meaning any) (judgement string, turned time.Time) {
	var b strings.Builder
	take := func(text *string) {
		b.WriteString(*text + " ")
		*text = ""
	}
	takeAll := func(health *string, list []metav1.Condition) {
		for i := range list {
			switch c := &list[i]; c.Reason {
			case v1alpha1.ReasonOnTrack, v1alpha1.ReasonBelowTarget, v1alpha1.ReasonTargetsMet, v1alpha1.ReasonTargetsMissed:
				if c.LastTransitionTime.After(turned) {
					turned = c.LastTransitionTime.Time
				}
				if c.Type == v1alpha1.ConditionOnTrack {
					take(health)
				}
				take(&c.Reason)
				c.Status, c.LastTransitionTime = "", metav1.Time{}
			}
		}
	}
	switch m := meaning.(type) {
	case *v1alpha1.PhaseStatus:
		m.Summary = ""
		take(&m.Met)
		for i := range m.Targets {
			if t := &m.Targets[i]; t.Met != metav1.ConditionUnknown {
				take((*string)(&t.Met))
			}
		}
		takeAll(&m.Health, m.Conditions)
	case *v1alpha1.AdoptionProgramStatus:
		m.Summary = ""
		takeAll(&m.Health, m.Conditions)
	}
	return b.String(), turned
}

// onlyMeasuredAgain reports whether nothing differs but when there was a measurement: that is
// stored with other changes, the last one before an outage among them, and not for itself.
func onlyMeasuredAgain(old, status any) bool {
	switch old := old.(type) {
	case *v1alpha1.PhaseStatus:
		with := *status.(*v1alpha1.PhaseStatus)
		with.MeasuredAt = old.MeasuredAt
		return equality.Semantic.DeepEqual(old, &with)
	case *v1alpha1.AdoptionProgramStatus:
		with := *status.(*v1alpha1.AdoptionProgramStatus)
		with.MeasuredAt = old.MeasuredAt
		return equality.Semantic.DeepEqual(old, &with)
	case *v1alpha1.BarrierStatus:
		with := *status.(*v1alpha1.BarrierStatus)
		with.MeasuredAt = old.MeasuredAt
		return equality.Semantic.DeepEqual(old, &with)
	default:
		return equality.Semantic.DeepEqual(old, status)
	}
}

// equalIgnoringValues reports whether a status means what was stored. While the first answers
// are on their way after a start of the operator, what was shown then stays: that
// they are not there yet is nothing to tell anybody.
func equalIgnoringValues[T any](old, status *T, meaning func(*T) *T) bool {
	return equality.Semantic.DeepEqual(meaning(old), meaning(status))
}

// valuesInText are the parts of a summary that move without a change of meaning:
// numbers with their units, and the names behind them in parentheses.
var valuesInText = regexp.MustCompile(`\([^)]*\)|[0-9][0-9a-z.%]*`)

func withoutNumbers(summary string) string { return valuesInText.ReplaceAllString(summary, "") }

// stableConditions leaves the messages of conditions out, which hold values, but not
// those of mistakes, which say what to change, nor which query fails.
func stableConditions(list []metav1.Condition) []metav1.Condition {
	out := slices.Clone(list)
	for i := range out {
		switch out[i].Type {
		case v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling:
		case v1alpha1.ConditionSourcesHealthy:
			out[i].Message, _, _ = strings.Cut(out[i].Message, ": ")
		default:
			out[i].Message = ""
		}
	}
	return out
}
