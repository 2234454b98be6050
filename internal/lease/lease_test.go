// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/uptake-dev/uptake/internal/awake"
)

// store is a Lease without an API server.
type store struct {
	resourcelock.Interface
	holder string
	refuse error
	while  func() // an answer is on its way
}

func (s *store) Identity() string { return "me" }

func (s *store) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	return &resourcelock.LeaderElectionRecord{HolderIdentity: s.holder}, nil, s.refuse
}

func (s *store) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	if s.while != nil {
		s.while()
	}
	if s.refuse == nil {
		s.holder = record.HolderIdentity
	}
	return s.refuse
}

func TestAFenceHoldsForAsLongAsNobodyElseCanLead(t *testing.T) {
	passed := time.Duration(0)
	began := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	fence := NewFence(func() awake.Moment { return awake.At(passed, began.Add(passed)) }, 10*time.Second)
	lease := &store{}
	lock := fence.Around(lease)
	renew := func(holder string) error {
		return lock.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: holder})
	}
	expect := func(want bool, why string) {
		t.Helper()
		if fence.Holds() != want {
			t.Errorf("after %v it holds: %v; %s", passed, !want, why)
		}
	}
	expect(false, "nothing was renewed yet")
	lease.while = func() { passed += 4 * time.Second }
	if err := renew("me"); err != nil {
		t.Fatal(err)
	}
	lease.while = nil
	expect(true, "it was just renewed")
	passed = 9999 * time.Millisecond
	expect(true, "the deadline is not over")
	passed = 10 * time.Second
	expect(false, "the deadline counts from when the renewal was sent")
	lease.refuse = errors.New("etcd is away")
	if err := renew("me"); !errors.Is(err, lease.refuse) {
		t.Errorf("the election is told something else: %v", err)
	}
	expect(false, "a renewal that failed is none")
	lease.refuse = nil
	_ = renew("me")
	expect(true, "it was renewed")
	_ = renew("")
	expect(false, "it was given up")
	_ = renew("me")
	expect(true, "it was taken again")

	ended := make(chan error, 1)
	go func() { ended <- fence.Start(t.Context()) }()
	lease.holder = "somebody else"
	if _, _, err := lock.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(false, "another one has it")
	if err := <-ended; !errors.Is(err, ErrTaken) {
		t.Errorf("the process should end: %v", err)
	}
	_ = renew("me")
	expect(false, "a process that lost it once ends")
}

func TestWhoWaitsIsNotToldThatItsLeaseIsTaken(t *testing.T) {
	fence := NewFence(awake.Now, time.Hour)
	lock := fence.Around(&store{holder: "somebody else"})
	if _, _, err := lock.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := fence.Start(ctx); err != nil || fence.Holds() {
		t.Errorf("it never had the Lease: %v", err)
	}
}
