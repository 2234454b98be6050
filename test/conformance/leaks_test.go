// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/uptake-dev/uptake/internal/source"
	suite "github.com/uptake-dev/uptake/internal/source/conformance"
)

const (
	// fewPolls is when everything that is kept open is open.
	fewPolls = 2_000
	// manyPolls is when a leak of any of them would show.
	manyPolls = 10_000
	// sqlPolls are fewer: each has a connection of its own, with a handshake.
	sqlPolls = 300
	// moreGoroutines and moreHeap are what may come between few and many: a leak of
	// one goroutine, or of 256 bytes, in each poll would be past them.
	moreGoroutines = 16
	moreHeap       = 2 << 20
	// pollers ask at the same time.
	pollers = 4
	// briefly is how long a poll may take: those that hang do.
	briefly = 25 * time.Millisecond
)

// mix is what goes wrong at random; half of the polls are good.
var mix = []suite.Fault{
	suite.Slow, suite.CutOff, suite.BadCredentials, suite.Forbidden, suite.Missing, suite.TooMany, suite.Broken,
	suite.RedirectLoop, suite.WrongType, suite.Cancelled,
}

// usage is what there is of what can leak.
type usage struct {
	goroutines int
	heap       uint64
}

func used() usage {
	var stats runtime.MemStats
	for range 3 { // what finalizers let go is collected the time after
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return usage{runtime.NumGoroutine(), stats.HeapAlloc}
}

func TestManyPollsWithFaultsLeaveNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for name, api := range map[string]suite.Server{"httpjson": httpJSON, "prometheus": prometheusAPI} {
		t.Run(name, func(t *testing.T) {
			asks := startPollers(t, api)
			asks.poll(t, fewPolls)
			few := used()
			asks.poll(t, manyPolls-fewPolls)
			many := used()
			t.Logf("after %d polls %d goroutines and %d KiB, after %d polls %d goroutines and %d KiB; %d were good, %d failed",
				fewPolls, few.goroutines, few.heap>>10, manyPolls, many.goroutines, many.heap>>10, asks.good.Load(), asks.failed.Load())
			if many.goroutines > few.goroutines+moreGoroutines || many.heap > few.heap+moreHeap {
				t.Errorf("it grows: %+v after %d polls, %+v after %d", few, fewPolls, many, manyPolls)
			}
			if asks.good.Load() < manyPolls/4 || asks.failed.Load() < manyPolls/4 {
				t.Errorf("that is no mix: %d were good and %d failed", asks.good.Load(), asks.failed.Load())
			}
		})
	}
	for name, in := range map[string]dialect{"postgresql": postgreSQL, "mariadb": mariaDB} {
		t.Run(name, func(t *testing.T) { pollDatabase(t, databaseRig(name, theServers(t).databases[in.engine], in)) })
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// polls are made by several pollers, each with a server and a connection of its own.
type polls struct {
	gates        []*suite.Gate
	askers       []source.Asker
	good, failed atomic.Int64
}

func startPollers(t testing.TB, api suite.Server) *polls {
	t.Helper()
	all := &polls{}
	for range pollers {
		gate := suite.Open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, api.Answers[suite.Success])
		}), suite.OldToken, httptest.NewServer)
		all.gates = append(all.gates, gate)
		all.askers = append(all.askers, api.Connect(t, gate.URL, suite.OldToken))
	}
	return all
}

func (p *polls) poll(t testing.TB, count int) {
	t.Helper()
	var asks sync.WaitGroup
	for i := range pollers {
		asks.Go(func() {
			for range count / pollers {
				p.pollOnce(t, p.gates[i], p.askers[i])
			}
		})
	}
	asks.Wait()
}

func (p *polls) pollOnce(t testing.TB, gate *suite.Gate, asker source.Asker) {
	fault, within := suite.Success, 5*time.Second
	if rand.IntN(2) == 0 {
		fault = mix[rand.IntN(len(mix))]
	}
	if fault == suite.Slow || fault == suite.Cancelled {
		within = briefly
	}
	gate.Show(fault, nil)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if fault == suite.Cancelled {
		time.AfterFunc(within/2, cancel)
	}
	answer, err := asker.Ask(ctx)
	switch {
	case err != nil && fault != suite.Success:
		p.failed.Add(1)
	case err == nil && fault == suite.Success && answer.Rows[0].Value == suite.Number:
		p.good.Add(1)
	default:
		t.Errorf("%s: %+v, %v", fault, answer, err)
	}
}

// pollDatabase polls good and bad cases by turns.
func pollDatabase(t *testing.T, rig suite.Rig) {
	var askers []source.Asker
	for _, fault := range []suite.Fault{
		suite.Success, suite.CutOff, suite.Success, suite.Missing, suite.Success, suite.BadCredentials, suite.Success, suite.Slow,
	} {
		askers = append(askers, rig.Play(t, fault).Asker)
	}
	poll := func(count int) (good int) {
		for i := range count {
			within := 5 * time.Second
			if i%len(askers) == len(askers)-1 {
				within = briefly
			}
			ctx, cancel := context.WithTimeout(t.Context(), within)
			if _, err := askers[i%len(askers)].Ask(ctx); err == nil {
				good++
			}
			cancel()
		}
		return good
	}
	poll(sqlPolls / 4)
	few := used()
	good := poll(sqlPolls)
	many := used()
	if good != sqlPolls/2 {
		t.Errorf("%d of %d polls were good", good, sqlPolls)
	}
	if many.goroutines > few.goroutines+moreGoroutines || many.heap > few.heap+moreHeap {
		t.Errorf("it grows: %+v after %d polls, %+v after %d more", few, sqlPolls/4, many, sqlPolls)
	}
}

// BenchmarkConformancePolls says what a poll costs, of which half show a fault.
func BenchmarkConformancePolls(b *testing.B) {
	for _, api := range []suite.Server{httpJSON, prometheusAPI} {
		b.Run(api.Name, func(b *testing.B) {
			all := startPollers(b, api)
			all.poll(b, 10*pollers)
			before := used()
			b.ReportAllocs()
			for b.Loop() {
				all.pollOnce(b, all.gates[0], all.askers[0])
			}
			after := used()
			b.ReportMetric(float64(after.goroutines-before.goroutines)/float64(b.N), "goroutines-left/op")
			b.ReportMetric((float64(after.heap)-float64(before.heap))/float64(b.N), "bytes-left/op")
		})
	}
}
