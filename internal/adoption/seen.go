// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"encoding/base64"
	"hash/fnv"
)

// seenLimit bounds how many rows a metric remembers.
const seenLimit = 1000

const seenWidth = 4 // characters of a hash: 24 bits

// seenSet remembers which rows an incomplete source has had, as short hashes
// that fit into the status, so that a row that goes missing is noticed after a
// restart as well. When two names share a hash, a row that was never there may
// be called missing: unknown rather than wrong.
type seenSet struct {
	on     bool
	text   string
	hashes map[string]bool
}

func newSeenSet(text string, on bool) *seenSet {
	s := &seenSet{on: on, hashes: map[string]bool{}}
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

func (s *seenSet) add(path, segment string) {
	h := seenHash(path, segment)
	if !s.on || s.hashes[h] || len(s.hashes) >= seenLimit {
		return
	}
	s.hashes[h] = true
	s.text += h
}

// String is the set as the status stores it, in the order in which rows appeared.
func (s *seenSet) String() string { return s.text }

func seenHash(path, segment string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(path + "\x00" + segment)) // a hash never fails to write
	sum := h.Sum32()
	return base64.RawURLEncoding.EncodeToString([]byte{byte(sum >> 16), byte(sum >> 8), byte(sum)})
}
