// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"sync"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

// pacer keeps the requests of one poll as far apart as its source wants all requests
// to be. Its first request has been waited for before the poll began.
type pacer struct {
	scheduler *Scheduler
	endpoint  *endpoint

	mu    sync.Mutex
	begun bool
	// left is the time that requests may still take. Waiting is not counted.
	left time.Duration
}

// Begin implements source.Pacer.
func (p *pacer) Begin(ctx context.Context) (context.Context, func(), *source.Error) {
	p.mu.Lock()
	begun, left := p.begun, p.left
	p.begun = true
	p.mu.Unlock()
	if begun {
		if failure := p.wait(ctx); failure != nil {
			return nil, nil, failure
		}
	}
	clock := p.scheduler.clock
	started := clock.Now()
	request, cancel := context.WithTimeout(ctx, left)
	return request, func() {
		cancel()
		p.mu.Lock()
		p.left -= clock.Since(started)
		p.mu.Unlock()
	}, nil
}

// wait takes the next turn at the source, and waits for it. A poll that waits to begin
// goes first, so that one with many pages holds nobody up.
func (p *pacer) wait(ctx context.Context) *source.Error {
	turn, taken, failure := p.takeTurn(false)
	if failure == nil && !taken {
		if failure = p.sleepUntil(ctx, turn); failure != nil {
			return failure
		}
		turn, _, failure = p.takeTurn(true)
	}
	if failure != nil {
		return failure
	}
	return p.sleepUntil(ctx, turn)
}

// takeTurn returns when the next request may start. It is not taken while somebody
// else waits for one, unless insist says so.
func (p *pacer) takeTurn(insist bool) (turn time.Time, taken bool, failure *source.Error) {
	s, e := p.scheduler, p.endpoint
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if held := e.holdUntil.Sub(now); held > 0 {
		return time.Time{}, false, &source.Error{
			Class: source.Throttled, Message: "the source asks for fewer requests, and was not asked for the rest", RetryAfter: held,
		}
	}
	turn = later(now, e.gapUntil)
	if !insist && e.settings.MinGap > 0 && e.waiting.Len() > 0 && e.running < e.settings.MaxConcurrent && !e.circuit.open {
		return turn.Add(slot), false, nil
	}
	e.gapUntil = turn.Add(e.settings.MinGap)
	return turn, true, nil
}

func (p *pacer) sleepUntil(ctx context.Context, turn time.Time) *source.Error {
	clock := p.scheduler.clock
	delay := turn.Sub(clock.Now())
	if delay <= 0 {
		return nil
	}
	timer := clock.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C():
		return nil
	case <-ctx.Done():
		return source.Unreachable("waiting for minQueryGap", ctx.Err())
	}
}

// longest is how long a poll may take with all its waiting: others may have every
// second turn.
func (q *query) longest() time.Duration {
	settings := q.endpoint.settings
	return settings.Timeout + 2*settings.MinGap*time.Duration(max(q.requests-1, 0))
}
