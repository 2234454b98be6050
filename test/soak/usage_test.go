// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"testing"
	"time"
)

// usage is what an operator uses of what can leak.
type usage struct {
	At                    time.Time
	Goroutines, Files, KB int
}

// sampleEvery is how often it is measured; each time the heap is collected first.
const sampleEvery = 500 * time.Millisecond

// What may come between the second quarter of a run and the last one. What is under way
// differs from one moment to the next, and medians differ less. A leak of one goroutine
// or file for every tenth object, or of 20 KB for each, is past it within a minute.
const (
	moreGoroutines = 16
	moreFiles      = 12
	moreKB         = 4 << 10
)

// record writes samples to a file until the operator ends, and beside it what its
// goroutines did at the last one. It ends the process if it cannot.
func record(ctx context.Context, name string) {
	if err := recordTo(ctx, name); err != nil {
		fmt.Fprintln(os.Stderr, "measuring:", err)
		os.Exit(1)
	}
}

func recordTo(ctx context.Context, name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	samples := json.NewEncoder(file)
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := measured()
		if err != nil {
			return err
		}
		if err := samples.Encode(now); err != nil {
			return err
		}
		var doing bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&doing, 1); err != nil {
			return err
		}
		if err := os.WriteFile(name+".goroutines", doing.Bytes(), 0o600); err != nil {
			return err
		}
	}
}

func measured() (usage, error) {
	var stats runtime.MemStats
	for range 2 { // what finalizers let go is collected the time after
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	files, err := os.ReadDir("/dev/fd")
	return usage{time.Now(), runtime.NumGoroutine(), len(files), int(stats.HeapAlloc >> 10)}, err
}

// samples reads what was recorded. The last line may be half written.
func samples(t *testing.T, name string) (all []usage) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for decoder := json.NewDecoder(file); ; {
		var one usage
		if decoder.Decode(&one) != nil {
			return all
		}
		all = append(all, one)
	}
}

// quarters are the medians of each quarter of a run, by time.
func quarters(all []usage) (of [4]usage) {
	if len(all) == 0 {
		return of
	}
	began, took := all[0].At, all[len(all)-1].At.Sub(all[0].At)
	for i := range of {
		var in []usage
		for _, one := range all {
			if min(3, int(4*one.At.Sub(began)/max(took, 1))) == i {
				in = append(in, one)
			}
		}
		of[i] = usage{
			Goroutines: median(in, func(u usage) int { return u.Goroutines }),
			Files:      median(in, func(u usage) int { return u.Files }),
			KB:         median(in, func(u usage) int { return u.KB }),
		}
	}
	return of
}

func median(all []usage, value func(usage) int) int {
	if len(all) == 0 {
		return 0
	}
	slices.SortFunc(all, func(a, b usage) int { return cmp.Compare(value(a), value(b)) })
	return value(all[len(all)/2])
}

// grown says what grew. The first quarter is for warming up.
func grown(of [4]usage) []string {
	var what []string
	for _, one := range []struct {
		name              string
		before, now, more int
	}{
		{"goroutines", of[1].Goroutines, of[3].Goroutines, moreGoroutines},
		{"files", of[1].Files, of[3].Files, moreFiles},
		{"KB of heap", of[1].KB, of[3].KB, moreKB},
	} {
		if one.now > one.before+one.more {
			what = append(what, fmt.Sprintf("%s: %d in the second quarter, %d in the last", one.name, one.before, one.now))
		}
	}
	return what
}

// A judge that takes nothing for growth would pass everything.
func TestGrowthIsTold(t *testing.T) {
	run := func(leak usage) [4]usage {
		var all []usage
		for i := range 120 {
			noise := (i * 7919) % 30
			all = append(all, usage{
				time.Unix(0, 0).Add(time.Duration(i) * sampleEvery),
				200 + noise + leak.Goroutines*i/120, 40 + noise/4 + leak.Files*i/120, 20_000 + 50*noise + leak.KB*i/120,
			})
		}
		return quarters(all)
	}
	if what := grown(run(usage{})); what != nil {
		t.Errorf("noise is taken for growth: %v", what)
	}
	for _, leak := range []usage{{Goroutines: 60}, {Files: 60}, {KB: 12 << 10}} {
		if what := grown(run(leak)); len(what) != 1 {
			t.Errorf("%+v more over the time: %v", leak, what)
		}
	}
	if of := quarters(nil); of != [4]usage{} {
		t.Errorf("of nothing: %v", of)
	}
}
