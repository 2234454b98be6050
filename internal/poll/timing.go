// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	"github.com/uptake-dev/uptake/internal/source"
)

const (
	// slot is what due times are rounded up to, so that polls share a wake-up:
	// when polls are sparse, waking up is what they cost.
	slot = 100 * time.Millisecond
	// startWindow is how long the first polls of things created together are
	// spread over: soon, because people wait for their first number.
	startWindow = 10 * time.Second
	// firstRetry is how soon a poll that never had an answer is tried again.
	firstRetry = 10 * time.Second
	// longestBackoff bounds how long a failing poll stays away.
	longestBackoff = 15 * time.Minute
	// wakeGap is the least time between two calls about one consumer or source.
	wakeGap = time.Second
	// defaultTimeout of a request.
	defaultTimeout = 10 * time.Second
)

// grid is when a poll is due: at epoch + phase + n * interval, so that nothing
// drifts, whatever a request takes. The phase is a hash, so that polls which
// were created together spread over the whole interval from the second one on.
type grid struct {
	epoch    time.Time
	phase    time.Duration
	interval time.Duration
}

func newGrid(epoch time.Time, interval time.Duration, seed, key string) grid {
	return grid{epoch: epoch, phase: hashed(interval, seed, key, 0), interval: interval}
}

// from returns the first due time that is not before t.
func (g grid) from(t time.Time) time.Time {
	elapsed := t.Sub(g.epoch) - g.phase
	n := time.Duration(0)
	if elapsed > 0 {
		n = (elapsed + g.interval - 1) / g.interval
	}
	return inSlot(g.epoch, g.epoch.Add(g.phase+n*g.interval))
}

// after returns when to poll next after a poll that started at started. What was
// missed is skipped, and a poll off the grid is not followed by one right away.
func (g grid) after(started, now time.Time) time.Time {
	earliest := started.Add(g.interval / 2)
	if !earliest.After(now) {
		earliest = now.Add(1)
	}
	return g.from(earliest)
}

// firstDue returns when to poll for the first time.
func firstDue(epoch, now time.Time, interval time.Duration, seed, key string) time.Time {
	return inSlot(epoch, now.Add(hashed(min(interval, startWindow), seed, key, 0)))
}

// backoff returns how long after its start a failed poll is tried again. The
// number of failures counts this one. A poll that has never been answered is
// tried sooner, since the source may just be starting.
func backoff(interval time.Duration, failures int, answered bool, seed, key string) time.Duration {
	longest := longestFor(interval)
	delay := doubled(interval, failures-1, longest)
	if !answered {
		delay = min(delay, doubled(min(interval, firstRetry), failures-1, longest))
	}
	return delay + hashed(delay/10, seed, key, failures)
}

// longestFor is the longest backoff of a poll with an interval.
func longestFor(interval time.Duration) time.Duration {
	return max(interval, min(8*interval, longestBackoff))
}

// doubled returns d * 2^n, at most longest.
func doubled(d time.Duration, n int, longest time.Duration) time.Duration {
	for ; n > 0 && d < longest; n-- {
		d *= 2
	}
	return min(d, longest)
}

// backsOff reports whether polling less may help. When the question is at fault, or
// the answer is, the source is well and the usual interval is as good as any.
func backsOff(class source.Class) bool {
	return class == source.Unavailable || class == source.Throttled || class == source.Unauthorized || class == source.Refused
}

// inSlot rounds t up to a slot, counted from epoch.
func inSlot(epoch, t time.Time) time.Time {
	elapsed := t.Sub(epoch)
	return epoch.Add((elapsed + slot - 1) / slot * slot)
}

// hashed returns a duration in [0, window) that is the same each time: the same
// spread as chance would give, and nothing to seed in a test.
func hashed(window time.Duration, seed, key string, round int) time.Duration {
	if window <= 0 {
		return 0
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(seed))
	_, _ = hash.Write([]byte{0})
	_, _ = hash.Write([]byte(key))
	_, _ = hash.Write(binary.LittleEndian.AppendUint64(nil, uint64(round)))
	return time.Duration(mixed(hash.Sum64()) % uint64(window))
}

// mixed finishes the hash: FNV alone leaves similar keys close together.
func mixed(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
