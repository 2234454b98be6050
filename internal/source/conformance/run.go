// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"reflect"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/uptake-dev/uptake/internal/source"
)

const (
	// patience is how long a question may take.
	patience = 10 * time.Second
	// brief is the same where time has to run out.
	brief = time.Second
	// grace is how much longer a driver may take.
	grace = time.Second
	// recovery is within what a good answer is back after a fault.
	recovery = 20 * time.Second
	// hearsay is how much later a driver that watches may hear of a change.
	hearsay = 5 * time.Second
	// together is how many ask at once.
	together = 8
	// mostHeap is by how much the heap may grow.
	mostHeap = 128 << 20
	// mostRequests bounds a redirect loop, for each time it is asked.
	mostRequests = 20
)

// Run shows every fault to every driver and judges what comes of it.
func Run(t *testing.T, rigs ...Rig) *Table {
	t.Helper()
	table := &Table{cells: map[place]cell{}}
	for _, rig := range rigs {
		table.drivers = append(table.drivers, rig.Name)
		t.Run(rig.Name, func(t *testing.T) {
			for _, fault := range Faults {
				before := goleak.IgnoreCurrent()
				t.Run(string(fault), func(t *testing.T) {
					table.cells[place{rig.Name, fault}] = play(t, rig, fault)
				})
				if err := goleak.Find(before); err != nil {
					t.Errorf("%s: something is left running: %v", fault, err)
				}
			}
		})
	}
	return table
}

func play(t *testing.T, rig Rig, fault Fault) cell {
	t.Helper()
	c := rig.Play(t, fault)
	if lack := c.incomplete(fault); lack != "" {
		t.Fatalf("this is no case of %q: %s", fault, lack)
	}
	o := observer{t: t, fault: fault, Case: c}
	return o.observe()
}

// observer plays a case.
type observer struct {
	Case
	t     *testing.T
	fault Fault
}

// outcome is what came of asking.
type outcome struct {
	answer  source.Answer
	failure *source.Error
	// unclassified says that there was an error of another type.
	unclassified bool
	took         time.Duration
}

func (o observer) observe() cell {
	o.t.Helper()
	if o.fault.comesLater() {
		if first := o.ask(patience); !first.isGood() {
			o.t.Fatalf("before anything is wrong there is %s: %s", first, first.message())
		}
		o.Begin()
	}
	heap := startHeap()
	defer heap.stop()
	got := o.askUnder()
	for began := now(); o.fault.comesLater() && got.isGood() && now().Sub(began) < hearsay; {
		got = o.askUnder()
	}
	grown := heap.stop()
	o.t.Logf("%s: %s %s (%v)", o.Shown, got, got.message(), got.took.Round(time.Millisecond))
	o.complain(o.fault.judge(got, o.RetryAfter)...)
	switch {
	case o.fault == Success:
		o.askTogether(got)
	case o.fault == Huge && grown > mostHeap:
		o.complain(sentence("the heap grew by %d MiB", grown>>20))
	case o.fault == RedirectLoop:
		o.countRequests()
	case o.fault == Rotated:
		renewed := o.askOf(o.Renewed(), patience)
		if !renewed.isGood() {
			o.complain(sentence("with the new credential there is %s: %s", renewed, renewed.message()))
		}
		return cell{got.String(), o.Shown, renewed.String()}
	}
	if o.fault.passes() {
		o.End()
		o.recover()
	}
	return cell{got.String(), o.Shown, ""}
}

func (o observer) complain(complaints ...string) {
	o.t.Helper()
	for _, complaint := range complaints {
		o.t.Error(complaint)
	}
}

// askUnder asks while the fault is there.
func (o observer) askUnder() outcome {
	switch o.fault {
	case Slow:
		return o.ask(brief)
	case Cancelled:
		ctx, cancel := context.WithCancel(o.t.Context())
		defer time.AfterFunc(brief/4, cancel).Stop()
		return o.askIn(ctx, o.Asker, brief/4)
	default:
		return o.ask(patience)
	}
}

func (o observer) ask(within time.Duration) outcome { return o.askOf(o.Asker, within) }

func (o observer) askOf(asker source.Asker, within time.Duration) outcome {
	ctx, cancel := context.WithTimeout(o.t.Context(), within)
	defer cancel()
	return o.askIn(ctx, asker, within)
}

// askIn asks, and waits for no longer than it may take.
func (o observer) askIn(ctx context.Context, asker source.Asker, within time.Duration) outcome {
	o.t.Helper()
	came := make(chan outcome, 1)
	began := now()
	go func() {
		answer, err := asker.Ask(ctx)
		o := outcome{answer: answer, took: now().Sub(began)}
		if err != nil {
			o.failure, o.unclassified = classified(err)
		}
		came <- o
	}()
	select {
	case got := <-came:
		o.complain(got.indiscretions(o.Secrets)...)
		if got.took > within+grace {
			o.complain(sentence("it took %v of %v", got.took, within))
		}
		return got
	case <-time.After(within + 5*grace):
		o.t.Fatalf("it does not return, although its context ended after %v", within)
		return outcome{}
	}
}

// askTogether asks from many goroutines at once.
func (o observer) askTogether(alone outcome) {
	o.t.Helper()
	var asks sync.WaitGroup
	answers := make([]source.Answer, together)
	errs := make([]error, together)
	ctx, cancel := context.WithTimeout(o.t.Context(), patience)
	defer cancel()
	for i := range together {
		asks.Go(func() { answers[i], errs[i] = o.Asker.Ask(ctx) })
	}
	asks.Wait()
	for i := range together {
		if errs[i] != nil || !reflect.DeepEqual(answers[i], alone.answer) {
			o.complain(sentence("of %d who ask at once one gets %+v, %v", together, answers[i], errs[i]))
		}
	}
}

// countRequests asks once more, because a loop within a host and one between two
// take turns.
func (o observer) countRequests() {
	o.t.Helper()
	o.complain(o.fault.judge(o.ask(patience), 0)...)
	requests, elsewhere := o.Traffic()
	if requests == 0 || requests > 2*mostRequests {
		o.complain(sentence("asking twice made %d requests", requests))
	}
	if elsewhere > 0 {
		o.complain(sentence("another host was shown the credentials %d times", elsewhere))
	}
}

// recover waits for the good answer. Until then there may be failures, and no
// number that is wrong.
func (o observer) recover() {
	o.t.Helper()
	began := now()
	for {
		again := o.ask(patience)
		late := now().Sub(began) > recovery
		switch {
		case again.isGood():
			return
		case again.failure == nil || late:
			o.complain(sentence("after the fault there is %s: %s", again, again.message()))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// now is the machine's time, in which contexts count.
func now() time.Time { return time.Now() } //nolint:forbidigo // see above

// heap watches how far the heap grows, until it is stopped.
type heap struct{ stop func() uint64 }

func startHeap() heap {
	ended, grown := make(chan struct{}), make(chan uint64)
	runtime.GC()
	before := heapNow()
	go func() {
		most := before
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				most = max(most, heapNow())
			case <-ended:
				grown <- max(most, heapNow()) - before
				return
			}
		}
	}()
	return heap{sync.OnceValue(func() uint64 {
		close(ended)
		return <-grown
	})}
}

func heapNow() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
