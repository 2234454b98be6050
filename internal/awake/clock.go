// SPDX-License-Identifier: Apache-2.0

// Package awake tells a process that it has not been running for a while, or that
// its clock was set: a machine was suspended or moved, the process was stopped, or
// somebody mended the time. What such a process knows may be long out of date, and
// nothing in it looks any older.
package awake

import "time"

// Moment is a reading of two clocks.
type Moment struct {
	// steady is a clock that is never set and that goes on while the machine sleeps.
	steady time.Duration
	// wall is the time of day, without a monotonic reading.
	wall time.Time
}

// Now reads both clocks. It is what is injected elsewhere.
func Now() Moment {
	return Moment{steady: sinceBoot(), wall: time.Now().Round(0)} //nolint:forbidigo // see above
}

// At is a moment at which both clocks showed something, for tests.
func At(steady time.Duration, wall time.Time) Moment {
	return Moment{steady: steady, wall: wall.Round(0)}
}

// Since is the time that has passed, or may have: the longer of what the two clocks
// say. A guest whose host was suspended may find it in the time of day only; a time of
// day that went back hides nothing.
func (m Moment) Since(earlier Moment) time.Duration {
	return max(m.steady-earlier.steady, m.wall.Sub(earlier.wall))
}

// set is by how much the time of day was set in between; negative: back.
func (m Moment) set(earlier Moment) time.Duration {
	return m.wall.Sub(earlier.wall) - (m.steady - earlier.steady)
}
