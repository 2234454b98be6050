// SPDX-License-Identifier: Apache-2.0

package awake

import (
	"context"
	"sync"
	"time"
)

const (
	// beat is how often a Watch looks at the clocks by itself.
	beat = time.Second
	// Tolerance is how much later than asked for it may look, and by how much the time
	// of day may be set, without that meaning anything: machines are busy.
	Tolerance = 5 * time.Second
)

// Gap is a time in which the process did not run, or for which its clock was set.
type Gap struct {
	// Slept is how long nothing ran, at most.
	Slept time.Duration
	// Set is by how much the time of day was set; negative: back.
	Set time.Duration
	// Until is the time of day at which it was noticed.
	Until time.Time
}

// Watch notices gaps. Whoever is about to rest on what the process knows calls Check
// first: a process that wakes up runs everything at once, and not the Watch first.
type Watch struct {
	now   func() Moment
	onGap func(Gap)

	mu   sync.Mutex
	last Moment
	gaps int64
	set  Gap
	// setAt is when that was, by the steady clock.
	setAt time.Duration
}

// NewWatch returns a Watch that calls onGap for each gap, before any Check that could
// have noticed it returns.
func NewWatch(now func() Moment, onGap func(Gap)) *Watch {
	return &Watch{now: now, onGap: onGap, last: now()}
}

// Check looks at the clocks and returns how many gaps there have been.
func (w *Watch) Check() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	gap := Gap{Slept: now.Since(w.last), Set: now.set(w.last), Until: now.wall}
	w.last = now
	wasSet := gap.Set > Tolerance || gap.Set < -Tolerance
	if gap.Slept <= beat+Tolerance && !wasSet {
		return w.gaps
	}
	w.gaps++
	if wasSet {
		w.noteSet(gap, now)
	}
	w.onGap(gap)
	return w.gaps
}

// noteSet keeps the newest, with the larger step where two came close together: who
// looks only now and then sees one of them.
func (w *Watch) noteSet(gap Gap, now Moment) {
	if near := now.steady-w.setAt < time.Minute; near && w.set.Set.Abs() > gap.Set.Abs() {
		gap.Set = w.set.Set
	}
	w.set, w.setAt = gap, now.steady
}

// LastSet is the newest gap in which the time of day was set; zero: it never was.
func (w *Watch) LastSet() Gap {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.set
}

// NeedLeaderElection reports whether those who wait watch as well: what they know counts
// as soon as they lead.
func (w *Watch) NeedLeaderElection() bool { return false }

// Start checks until the context ends. What went before is nobody's gap: a process
// that starts knows nothing yet.
func (w *Watch) Start(ctx context.Context) error {
	w.mu.Lock()
	w.last = w.now()
	w.mu.Unlock()
	ticks := time.NewTicker(beat)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
			w.Check()
		}
	}
}
