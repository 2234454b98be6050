// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestAnEstimateIsNoLessThanWhatADecodedAnswerTakes(t *testing.T) {
	for name, text := range map[string]string{
		"objects":       "[" + strings.Repeat(`{"a":0},`, 100_000) + `{"a":0}]`,
		"rows":          "[" + strings.Repeat(`{"team":"cart","n":3,"used":true,"at":"2026-11-01"},`, 20_000) + "1]",
		"numbers":       "[" + strings.Repeat("1,", 500_000) + "1]",
		"lists":         "[" + strings.Repeat("[],", 200_000) + "1]",
		"short strings": "[" + strings.Repeat(`"a",`, 200_000) + `"a"]`,
		"long strings":  "[" + strings.Repeat(`"`+strings.Repeat("a", 1000)+`",`, 1000) + `"a"]`,
		"wide objects":  "[" + strings.Repeat(`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1},`, 10_000) + "1]",
		"nested":        "[" + strings.Repeat(strings.Repeat(`{"a":`, 50)+"1"+strings.Repeat("}", 50)+",", 1000) + "1]",
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		taken := int64(after.HeapAlloc) - int64(before.HeapAlloc) //nolint:gosec // a heap is smaller
		if estimate := OfJSON([]byte(text)); estimate < taken {
			t.Errorf("%s: %d bytes are taken for %d", name, taken, estimate)
		}
		runtime.KeepAlive(value)
	}
}

func TestStringsAreNoStructure(t *testing.T) {
	if got := OfJSON([]byte(`"[{,:\"[{"`)); got != 10 {
		t.Errorf("a string of 10 bytes is estimated at %d", got)
	}
}

func TestLargeAnswersWaitForEachOtherAndSmallOnesForNone(t *testing.T) {
	ctx := t.Context()
	release, fits, err := ForAnswer(ctx, Most)
	if !fits || err != nil {
		t.Fatal(fits, err)
	}
	hurried, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, _, err := ForAnswer(hurried, 2*free); err == nil {
		t.Error("a second large answer is not held up")
	}
	small, fits, err := ForAnswer(ctx, free)
	if !fits || err != nil {
		t.Fatal(fits, err)
	}
	small()
	file, fits, err := ForFile(ctx, 2*free)
	if !fits || err != nil {
		t.Fatal("a file waits for the answer that links to it", fits, err)
	}
	file()
	release()
	again, fits, err := ForAnswer(ctx, Most)
	if !fits || err != nil {
		t.Fatal(fits, err)
	}
	again()
	over, end := context.WithCancel(ctx)
	end()
	late, fits, err := ForAnswer(over, Most)
	if !fits || err != nil {
		t.Fatal("who is late is told that others are in the way, and none are", fits, err)
	}
	late()
	if _, fits, err := ForAnswer(ctx, Most+1); fits || err != nil {
		t.Error("one that never fits is not told as such", err)
	}
}
