// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/go-logr/logr"

	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/trace"
)

// ask asks once and makes sure of what comes back: whatever a driver does, the
// result is a usable answer or a classified failure.
func ask(ctx context.Context, asker source.Asker, log logr.Logger) (answer source.Answer, failure *source.Error) {
	defer func() {
		if recover() != nil {
			// What it panicked with may hold anything, credentials included, so
			// only the trace is told.
			log.Error(errPanic, "a driver panicked", "stack", trace.Stack())
			answer, failure = source.Answer{}, &source.Error{
				Class:   source.Unavailable,
				Message: "asking the source failed because of a bug in the operator; its log has the trace",
			}
		}
	}()
	answer, err := asker.Ask(ctx)
	if err != nil {
		return source.Answer{}, classified(err)
	}
	return checked(answer)
}

var errPanic = errors.New("panic")

func classified(err error) *source.Error {
	if _, known := errors.AsType[*source.Error](err); !known && errors.Is(err, context.DeadlineExceeded) {
		return &source.Error{Class: source.Unavailable, Message: "the source did not answer in time", TimedOut: true}
	}
	return source.AsError(err)
}

// checked holds an answer to what source.Answer promises.
func checked(answer source.Answer) (source.Answer, *source.Error) {
	rows := slices.Clone(answer.Rows)
	for i := range rows {
		if answer.Segmented {
			rows[i].Segment = source.SegmentName(rows[i].Segment)
		}
	}
	slices.SortStableFunc(rows, func(a, b source.Row) int { return cmp.Compare(a.Segment, b.Segment) })
	if answer.Segmented {
		rows = source.JoinNobody(rows)
	}
	for i, row := range rows {
		if math.IsNaN(row.Value) || math.IsInf(row.Value, 0) {
			return source.Answer{}, badAnswer("a value is not a number: %v", row.Value)
		}
		if i > 0 && rows[i-1].Segment == row.Segment {
			return source.Answer{}, badAnswer("there are several values where one is needed")
		}
	}
	answer.Rows = rows
	return answer, nil
}

func badAnswer(format string, args ...any) *source.Error {
	return &source.Error{Class: source.BadAnswer, Message: fmt.Sprintf(format, args...)}
}
