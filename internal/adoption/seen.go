// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"encoding/base64"
	"hash/fnv"
)

// seenLimit is how many rows each of a program's metrics remembers: what a status
// of 100 KB leaves when the population and the values of the metrics are in it.
func seenLimit(metrics int) int {
	const left, perMetric = 65_000, 2_200
	return (left - perMetric*metrics) / seenWidth / max(metrics, 1)
}

const seenWidth = 5 // characters of a hash: 30 bits

// seenSet remembers which rows an incomplete source has had, as short hashes
// that fit into the status, so that a row that goes missing is noticed after a
// restart as well. When two names share a hash, a row that was never there may
// be called missing: unknown rather than wrong.
type seenSet struct {
	on     bool
	limit  int
	text   string
	hashes map[string]bool
}

func newSeenSet(text string, on bool, limit int) *seenSet {
	s := &seenSet{on: on, limit: min(limit, MaxSegments), hashes: map[string]bool{}}
	if !on {
		return s
	}
	s.text = text[:len(text)/seenWidth*seenWidth]
	for i := 0; i < len(s.text); i += seenWidth {
		s.hashes[s.text[i:i+seenWidth]] = true
	}
	return s
}

func (s *seenSet) has(path, segment string) bool { return s.hashes[seenHash(path, segment)] }

// full says that a row that is missing may have been there unremembered.
func (s *seenSet) full() bool { return s.on && len(s.hashes) >= s.limit }

func (s *seenSet) add(path, segment string) {
	h := seenHash(path, segment)
	if !s.on || s.hashes[h] || s.full() {
		return
	}
	s.hashes[h] = true
	s.text += h
}

// String is the set as the status stores it, in the order in which rows appeared.
func (s *seenSet) String() string { return s.text }

func seenHash(path, segment string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(path + "\x00" + segment)) // a hash never fails to write
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))[:seenWidth]
}
