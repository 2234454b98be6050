// SPDX-License-Identifier: Apache-2.0

// Package lease makes sure that only a process that leads decides. The election of
// client-go gives no fencing: a leader that was stopped goes on where it was, and finds
// out only when it tries to renew.
package lease

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/uptake-dev/uptake/internal/awake"
)

// ErrTaken is how an operator ends whose Lease another one has.
var ErrTaken = errors.New("leader election lost: another operator holds the Lease")

// Fence knows when the Lease of this process was last renewed.
type Fence struct {
	now   func() awake.Moment
	valid time.Duration

	mu      sync.Mutex
	held    bool
	over    bool // another one had it: never again in this process
	renewed awake.Moment
	taken   chan struct{}
}

// NewFence returns a Fence that holds for some time after each renewal: less than what
// others wait for before they take the Lease.
func NewFence(now func() awake.Moment, valid time.Duration) *Fence {
	return &Fence{now: now, valid: valid, taken: make(chan struct{})}
}

// Holds reports whether nobody else can lead at this moment.
func (f *Fence) Holds() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held && !f.over && f.now().Since(f.renewed) < f.valid
}

// Around returns the lock with the Fence looking on.
func (f *Fence) Around(lock resourcelock.Interface) resourcelock.Interface {
	return watched{Interface: lock, fence: f}
}

// renew notes a renewal, as of the moment before it was sent: others count from when
// they see it, which is later.
func (f *Fence) renew(sent awake.Moment, mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held, f.renewed = mine, sent
}

// seen notes who holds the Lease.
func (f *Fence) seen(mine, somebody bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if mine || !f.held {
		return
	}
	f.held = false
	if somebody && !f.over {
		f.over = true
		close(f.taken)
	}
}

// NeedLeaderElection reports whether it does not wait for what it watches.
func (f *Fence) NeedLeaderElection() bool { return false }

// Start waits until the Lease is another's, and ends with an error then, so that the
// process ends as well: by itself it would try to renew for some seconds more.
func (f *Fence) Start(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-f.taken:
		return ErrTaken
	}
}

// watched is a lock with a Fence looking on.
type watched struct {
	resourcelock.Interface
	fence *Fence
}

// Get implements resourcelock.Interface.
func (w watched) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := w.Interface.Get(ctx)
	if err == nil {
		w.fence.seen(record.HolderIdentity == w.Identity(), record.HolderIdentity != "")
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (w watched) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return w.write(record, func() error { return w.Interface.Create(ctx, record) })
}

// Update implements resourcelock.Interface.
func (w watched) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return w.write(record, func() error { return w.Interface.Update(ctx, record) })
}

func (w watched) write(record resourcelock.LeaderElectionRecord, send func() error) error {
	sent, mine := w.fence.now(), record.HolderIdentity == w.Identity()
	if !mine {
		w.fence.renew(sent, false) // giving it up: over before others can know
	}
	if err := send(); err != nil {
		return err // as it is: the election looks at what it is
	}
	w.fence.renew(sent, mine)
	return nil
}
