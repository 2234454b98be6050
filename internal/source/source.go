// SPDX-License-Identifier: Apache-2.0

// Package source is the edge to the systems that hold usage data: what may be
// asked, what comes back, and how a failure is told. Each driver is a package
// below this one: a function that makes a Connection, whose questions are answered
// by Askers. Polling, sharing, back-off and limits are done by package poll, and
// package conformance says whether a driver behaves.
package source

import (
	"context"
	"time"
)

// Asker asks one rendered question. It is safe for concurrent use, honours the
// context, and returns an *Error for every failure.
type Asker interface {
	Ask(ctx context.Context) (Answer, error)
}

// Answer is what a source said.
type Answer struct {
	// Rows has one row for each segment, or a single row with an empty segment
	// when the answer is not segmented. Sorted by segment, no segment twice. Names of
	// segments are as SegmentName returns them.
	//
	// In a segmented answer the row of Nobody, which is the first if there is one, holds
	// what the source said of no segment: series and objects without the label, NULL,
	// null, an empty cell, a name that nobody can read; all of it together. It is no
	// failure, and part of no segment. A total over all the others (ROLLUP) is such a
	// row, too.
	Rows []Row
	// Segmented says that rows belong to segments.
	Segmented bool
	// NamesWithheld says that names of segments are for those to see who know them
	// already: see Question.WithholdNames.
	NamesWithheld bool
	// Complete says that the source knows everything there is, so that a missing
	// row is a true zero. A synced watch is complete; a time series database is not.
	Complete bool
	// Hint says why nothing may have been found, in words that hold nothing of what was
	// asked; empty: something was, or nobody knows.
	Hint string
}

// Row is one number.
type Row struct {
	// Segment the number belongs to; empty (Nobody) when the answer is not segmented,
	// or when the number belongs to none.
	Segment string
	// Value is finite and not negative for counts.
	Value float64
	// Percent says that the number was written with a percent sign; Value is
	// then a fraction (0.41 for 41%).
	Percent bool
	// Unknown says why there is no number for this segment, although there are for
	// others; empty: there is one.
	Unknown string
	// Date is when people counted it; zero: the source counts whenever it is asked.
	Date time.Time
	// Expires is when the number is too old to be used; zero: not by itself.
	Expires time.Time
}
