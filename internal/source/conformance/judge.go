// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// accepted are the classes of failure that say rightly what is wrong. For Success
// and Empty no failure does.
var accepted = map[Fault][]source.Class{
	NaN:            {source.BadAnswer, source.InvalidQuery},
	Inf:            {source.BadAnswer, source.InvalidQuery},
	Negative:       {source.BadAnswer, source.InvalidQuery},
	Huge:           {source.BadAnswer, source.Unavailable},
	Slow:           {source.Unavailable},
	CutOff:         {source.Unavailable, source.BadAnswer},
	BadCredentials: {source.Unauthorized},
	Forbidden:      {source.Unauthorized},
	Missing:        {source.BadAnswer, source.NotServed, source.InvalidQuery},
	TooMany:        {source.Throttled},
	Broken:         {source.Unavailable},
	RedirectLoop:   {source.Unavailable, source.BadAnswer},
	WrongType:      {source.BadAnswer, source.Unavailable},
	SchemaChange:   {source.BadAnswer, source.InvalidQuery, source.NotServed},
	Rotated:        {source.Unauthorized},
	Cancelled:      {source.Unavailable},
}

// judge returns what is wrong with an outcome under a fault.
func (f Fault) judge(got outcome, wait time.Duration) []string {
	var complaints []string
	switch {
	case got.failure == nil:
		if complaint := f.judgeAnswer(got.answer); complaint != "" {
			complaints = append(complaints, complaint)
		}
	case !slices.Contains(accepted[f], got.failure.Class):
		complaints = append(complaints, sentence("%s is told as %s: %s", f, got.failure.Class, got.failure.Message))
	case f == TooMany && got.failure.RetryAfter != wait:
		complaints = append(complaints, sentence("the source asks to wait for %v, and %v is told", wait, got.failure.RetryAfter))
	}
	return complaints
}

// judgeAnswer judges an answer where there may be one.
func (f Fault) judgeAnswer(answer source.Answer) string {
	switch f {
	case Success:
		if !isNumber(answer, Number) {
			return sentence("the source says %d, and the answer is %+v", Number, answer)
		}
	case Empty:
		if len(answer.Rows) > 0 && (!answer.Complete || !isNumber(answer, 0)) {
			return sentence("the source has nothing, and the answer is %+v", answer)
		}
	case NaN, Inf:
		if len(answer.Rows) == 0 || slices.ContainsFunc(answer.Rows, func(r source.Row) bool { return r.Unknown == "" || r.Value != 0 }) {
			return sentence("%s becomes %+v", f, answer)
		}
	case Negative:
		if !isNumber(answer, -Number) {
			return sentence("%d becomes %+v", -Number, answer)
		}
	case SchemaChange:
		if !answer.Segmented || !isNobodys(answer) {
			return sentence("although there is %s, there is an answer: %+v", f, answer)
		}
	default:
		return sentence("although there is %s, there is an answer: %+v", f, answer)
	}
	return ""
}

// isNobodys reports whether an answer says nothing of any segment.
func isNobodys(answer source.Answer) bool {
	return len(answer.Rows) > 0 && !slices.ContainsFunc(answer.Rows, func(r source.Row) bool { return r.Segment != source.Nobody && r.Unknown == "" })
}

func isNumber(answer source.Answer, number float64) bool {
	return len(answer.Rows) == 1 && answer.Rows[0].Unknown == "" && answer.Rows[0].Value == number
}

// indiscretions are what holds of an outcome under every fault and does not.
func (o outcome) indiscretions(secrets []string) []string {
	var complaints []string
	switch {
	case o.unclassified:
		complaints = append(complaints, sentence("a failure that is not a *source.Error"))
	case o.failure != nil && o.failure.Message == "":
		complaints = append(complaints, sentence("a failure without a message"))
	case o.failure != nil && len(o.answer.Rows) > 0:
		complaints = append(complaints, sentence("an answer beside a failure: %+v", o.answer))
	}
	told := []string{o.message()}
	for _, row := range o.answer.Rows {
		told = append(told, row.Unknown)
		if math.IsNaN(row.Value) || math.IsInf(row.Value, 0) {
			complaints = append(complaints, sentence("a number that is none: %v", row.Value))
		}
	}
	for _, secret := range append([]string{Marker}, secrets...) {
		if strings.Contains(strings.Join(told, "\n"), secret) {
			complaints = append(complaints, sentence("%q is told in %q", secret, told))
		}
	}
	return complaints
}

func (o outcome) isGood() bool { return o.failure == nil && isNumber(o.answer, Number) }

func (o outcome) message() string {
	if o.failure == nil {
		return ""
	}
	return o.failure.Message
}

// String returns what goes into the table.
func (o outcome) String() string {
	switch {
	case o.failure != nil && o.failure.RetryAfter > 0:
		return string(o.failure.Class) + " " + strings.TrimSuffix(o.failure.RetryAfter.String(), "0s")
	case o.failure != nil:
		return string(o.failure.Class)
	case len(o.answer.Rows) == 0:
		return "no rows"
	case o.answer.Rows[0].Unknown != "":
		return "tainted"
	case o.answer.Complete && o.answer.Rows[0].Value == 0:
		return "a true 0"
	}
	return strconv.FormatFloat(o.answer.Rows[0].Value, 'g', -1, 64)
}

func classified(err error) (failure *source.Error, unclassified bool) {
	failure, is := errors.AsType[*source.Error](err)
	if !is {
		return source.AsError(err), true
	}
	return failure, false
}

func sentence(format string, args ...any) string { return fmt.Sprintf(format, args...) }
