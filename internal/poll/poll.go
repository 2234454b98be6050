// SPDX-License-Identifier: Apache-2.0

// Package poll asks usage sources, again and again, and keeps what they said.
//
// Consumers (programs) subscribe to polls; equal polls of several consumers cost
// one request. A Scheduler keeps one agenda of what is due when, one goroutine
// that sleeps until the next entry, and a goroutine for each request under way,
// of which every source has only so many. It never blocks a reconcile: results
// are read with Measurement, and consumers are woken when there is something new.
package poll

import (
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// Source is where a poll goes, with the limits that hold for all its polls.
type Source struct {
	// Key identifies the source. It is the value of the metric label source.
	Key string
	// MaxConcurrent is how many requests may be under way at once; at least 1.
	MaxConcurrent int
	// MinGap is the least time between the starts of two requests, of one poll or of
	// several.
	MinGap time.Duration
	// Timeout bounds the requests of one poll together, without what MinGap makes
	// them wait; default: 10 s.
	Timeout time.Duration
}

// Poll is a question that is asked at an interval.
type Poll struct {
	// Key identifies the question: the source and the rendered query.
	Key string
	// Source is where it goes. The newest settings of a source win.
	Source Source
	// Interval between two polls. Of several consumers the shortest wins.
	Interval time.Duration
	// Requests is how many a poll may need, with pages and files; 0: one.
	Requests int
	// Seed spreads the start of polls that are created together, such as a UID.
	Seed string
	// Group is what is asked together: polls of one seed, group and interval are due in
	// the same slot, so that parts of one value are of one moment. Empty: by itself.
	Group string
	// Tenant is on whose behalf it is asked. Of one source tenants are served in turn.
	Tenant string
	// Ask asks it. The newest one subscribed wins.
	Ask source.Asker
}

// Measurement is what is known about a poll. Times carry a monotonic reading, so
// that an age is right even when the wall clock has jumped.
type Measurement struct {
	// Answer is the newest good one. Its rows are shared: do not change them.
	Answer source.Answer
	// At is when it came; zero: there has been none.
	At time.Time
	// Asked is when it was asked for: it says nothing of what came later.
	Asked time.Time
	// Attempted is when the newest attempt ended; zero: never tried.
	Attempted time.Time
	// Err is why the newest attempt failed; nil when it was good.
	Err *source.Error
	// Failures in a row, up to the newest attempt.
	Failures int
	// FailingSince is when the first of them ended.
	FailingSince time.Time
}

// FailingAfter is how many polls of a query fail in a row before its source is
// said to fail: a blip colours nothing.
const FailingAfter = 3

// SourceState is how a source is doing.
type SourceState struct {
	// Queries is how many different polls go there.
	Queries int
	// Consumers is how many consumers they serve, and ConsumerNames who they are.
	Consumers     int
	ConsumerNames []string
	// NextTry is when something is asked next; zero: nothing is due.
	NextTry time.Time
	// Failures in a row: of the query that failed most often since any query of
	// the source was answered. An answer that cannot be used (source.BadAnswer) is one;
	// a query that is at fault itself (source.InvalidQuery, source.NotServed,
	// source.NotAllowed, or failing while others are answered) counts neither way.
	Failures int
	// FailingSince is when the first of them ended.
	FailingSince time.Time
	// Err is the newest of them; nil when Failures is 0.
	Err *source.Error
	// LastGood is when any query last had a good answer; zero: never.
	LastGood time.Time
	// Replied says that something was answered, even if it could not be used.
	Replied bool
	// Tried says that a query has ended, in whatever way.
	Tried bool
}

// Failing reports whether the source has failed often enough to be told. An address
// that is refused is no blip.
func (s SourceState) Failing() bool {
	return s.Failures >= FailingAfter || s.Err != nil && s.Err.Class == source.Refused
}
