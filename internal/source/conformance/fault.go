// SPDX-License-Identifier: Apache-2.0

// Package conformance says whether a driver behaves. A Rig shows a driver every
// fault that a source can have, Run judges what the driver makes of each, and the
// Table of it all is there to be read.
//
// A driver that speaks HTTP gets its rig from Server, with the good answers in its
// own language. Any other has a rig of its own, which may choose how a fault is
// shown, never whether, nor what has to come of it.
//
// Whatever happens, a failure is a *source.Error whose message holds neither
// credentials nor anything of an answer; nothing is answered beside it; the driver
// returns within a second of its context's end; and once it is closed no goroutine
// of it is left. What else has to hold is said at each Fault.
package conformance

import "time"

// Fault is something that can be wrong with a source, or is not.
type Fault string

const (
	// Success: Number, and the same for everybody who asks at once.
	Success Fault = "success"
	// Empty: the source has nothing. No rows; a zero only if the answer is Complete.
	Empty Fault = "empty"
	// NaN: a failure, or a row that is Unknown; never a number.
	NaN Fault = "NaN"
	// Inf: as NaN.
	Inf Fault = "Inf"
	// Negative is -Number: a failure, or passed on as it is for the core to refuse.
	Negative Fault = "negative"
	// Huge is an answer larger than any bound: BadAnswer or Unavailable, and the heap
	// has not grown by more than 128 MiB.
	Huge Fault = "huge"
	// Slow is a source that accepts and never answers: Unavailable at the deadline.
	Slow Fault = "slow"
	// CutOff is an answer that ends in its middle: Unavailable or BadAnswer.
	CutOff Fault = "cut off"
	// BadCredentials (401): Unauthorized.
	BadCredentials Fault = "401"
	// Forbidden (403): Unauthorized.
	Forbidden Fault = "403"
	// Missing (404): BadAnswer, NotServed or InvalidQuery.
	Missing Fault = "404"
	// TooMany (429): Throttled, with the wait that the source asked for.
	TooMany Fault = "429"
	// Broken (500): Unavailable.
	Broken Fault = "500"
	// RedirectLoop: Unavailable or BadAnswer, after at most 20 requests; and no
	// other host has seen the credentials.
	RedirectLoop Fault = "redirect loop"
	// WrongType is an answer that is not of the kind that was asked for, such as a
	// log-in page with status 200: BadAnswer or Unavailable.
	WrongType Fault = "wrong content type"
	// SchemaChange: what held the number has been renamed or removed since it was
	// last asked for: BadAnswer, InvalidQuery or NotServed; or all of a segmented answer
	// is nobody's, because what named the segment has gone. A driver that watches may
	// hear of it some seconds later.
	SchemaChange Fault = "schema change"
	// Rotated: the credential that was good is no longer: Unauthorized, after as long
	// as above. A new connection with the new one gives Number.
	Rotated Fault = "rotated credential"
	// Cancelled: whoever asked has gone: Unavailable, at once.
	Cancelled Fault = "cancelled context"
)

// Faults are all there are, in the order of the table. After those that pass (slow,
// cut off, 429, 500, redirect loop) the same Asker gives Number again.
var Faults = []Fault{
	Success, Empty, NaN, Inf, Negative, Huge, Slow, CutOff, BadCredentials, Forbidden, Missing, TooMany, Broken,
	RedirectLoop, WrongType, SchemaChange, Rotated, Cancelled,
}

const (
	// Number is what a source says that is well.
	Number = 42
	// Marker is planted in whatever a source says besides: bodies, cells, labels,
	// the texts of errors. No message repeats it.
	Marker = "tr0ub4dor"
	// Wait is what an HTTP source asks for with a 429.
	Wait = 2 * time.Minute
)

// passes reports whether a fault ends by itself.
func (f Fault) passes() bool {
	switch f {
	case Slow, CutOff, TooMany, Broken, RedirectLoop:
		return true
	default:
		return false
	}
}

// comesLater reports whether a fault begins only after a good answer.
func (f Fault) comesLater() bool { return f == SchemaChange || f == Rotated }
