// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"sync"
)

// health is whether what a watch has gathered can be believed right now. It can
// while a stream of events is open and everything from before the stream is in.
type health struct {
	mu sync.Mutex
	// stream numbers the streams; open says that the newest is.
	stream int
	open   bool
	// complete says that the store has all there was when the stream began.
	complete bool
	// broken says that something failed since the store was complete, so that
	// events may be missing: resuming is not enough, all has to be read again.
	broken bool
	// failure is the newest, as long as no stream has been opened since.
	failure error
	// changed is closed when any of this changes.
	changed chan struct{}
}

func newHealth() *health { return &health{changed: make(chan struct{})} }

func (h *health) change(apply func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	apply()
	close(h.changed)
	h.changed = make(chan struct{})
}

// opened notes that a stream was opened, which begins with everything there is
// or resumes where the last one ended. It returns the number of the stream.
func (h *health) opened(withEverything bool) (stream int) {
	h.change(func() {
		h.stream++
		h.open = true
		h.failure = nil
		if withEverything {
			h.complete = false
		}
		stream = h.stream
	})
	return stream
}

// ended notes that a stream ended. It may be late: another may have been opened.
func (h *health) ended(stream int, lost bool) {
	h.change(func() {
		if stream == h.stream {
			h.open = false
			h.broken = h.broken || lost
		}
	})
}

// failed notes that a request failed.
func (h *health) failed(err error) {
	h.change(func() {
		h.open = false
		h.broken = true
		h.failure = err
	})
}

// completed notes that the store was filled with everything there is.
func (h *health) completed() {
	h.change(func() {
		h.complete = true
		h.broken = false
	})
}

func (h *health) isBroken() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broken
}

func (h *health) fresh() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.isFresh()
}

func (h *health) isFresh() bool { return h.open && h.complete }

// wait waits until the store can be believed. It returns what failed, or the
// context's error when it is not known in time which it will be.
func (h *health) wait(ctx context.Context) error {
	for {
		h.mu.Lock()
		fresh, failure, changed := h.isFresh(), h.failure, h.changed
		h.mu.Unlock()
		switch {
		case fresh:
			return nil
		case failure != nil:
			return failure
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
