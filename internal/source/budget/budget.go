// SPDX-License-Identifier: Apache-2.0

// Package budget bounds what all answers that are being read take in memory together,
// whichever driver reads them and for whom. An answer is charged before it is decoded,
// when it may become many times its text.
package budget

import (
	"context"

	"golang.org/x/sync/semaphore"
)

const (
	// Most is what all large answers may take together, and so what one may.
	Most = 64 << 20
	// free is what an answer may take without waiting for others: nearly all are
	// smaller, and no large one of somebody else holds them up.
	free = 1 << 20
)

// answers and files are counted apart: a file is read while the answer that links to it
// is held, so that they must not wait for each other.
var answers, files = semaphore.NewWeighted(Most), semaphore.NewWeighted(Most / 2)

// ForAnswer waits until an answer of a size may be decoded. The error is that of the
// context; nil and false say that it is too large at any time.
func ForAnswer(ctx context.Context, size int64) (release func(), fits bool, err error) {
	return take(ctx, answers, Most, size)
}

// ForFile does the same for a file that an answer links to.
func ForFile(ctx context.Context, size int64) (release func(), fits bool, err error) {
	return take(ctx, files, Most/2, size)
}

func take(ctx context.Context, of *semaphore.Weighted, most, size int64) (release func(), fits bool, err error) {
	switch {
	case size <= free:
		return func() {}, true, nil
	case size > most:
		return nil, false, nil
	}
	// A poll whose time is over is told so by what it does next, and not that others are
	// in its way, where none are.
	if !of.TryAcquire(size) {
		if err := of.Acquire(ctx, size); err != nil {
			return nil, true, err
		}
	}
	return func() { of.Release(size) }, true, nil
}

// What decoded values of JSON take, roughly: a header with what holds it.
const (
	ofObject = 300
	ofMember = 80
	ofList   = 60
	ofEntry  = 72
)

// OfJSON estimates what a JSON text takes once it is decoded. It does not look whether
// the text is well-formed.
func OfJSON(text []byte) int64 {
	size := int64(len(text)) + int64(len(text))/16
	inside := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside:
		case c == '{':
			size += ofObject
		case c == ':':
			size += ofMember
		case c == '[':
			size += ofList
		case c == ',':
			size += ofEntry
		}
	}
	return size
}
