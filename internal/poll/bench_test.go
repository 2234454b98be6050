// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/uptake-dev/uptake/internal/source"
)

// BenchmarkPoll says what scheduling adds to a request on the loopback, compared
// with a bare loop that makes the same requests with a timeout each.
func BenchmarkPoll(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "42")
	}))
	defer server.Close()
	asker := askerFunc(func(ctx context.Context) (source.Answer, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			return source.Answer{}, err
		}
		response, err := server.Client().Do(request)
		if err != nil {
			return source.Answer{}, err
		}
		_, _ = io.Copy(io.Discard, response.Body)
		return number(42), response.Body.Close()
	})

	const queries = 500
	clock := clocktesting.NewFakeClock(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
	s := New(Options{Clock: clock, Registerer: prometheus.NewRegistry()})
	s.start(b.Context())
	for i := range queries {
		s.Subscribe(fmt.Sprint(i), []Poll{{
			Key: fmt.Sprint(i), Source: Source{Key: "source", MaxConcurrent: 1}, Interval: time.Minute, Seed: fmt.Sprint(i), Ask: asker,
		}})
	}
	var bare, scheduled time.Duration
	polls := 0
	for b.Loop() {
		began := time.Now()
		for range queries {
			ctx, cancel := context.WithTimeout(b.Context(), defaultTimeout)
			if _, err := asker.Ask(ctx); err != nil {
				b.Fatal(err)
			}
			cancel()
		}
		bare += time.Since(began)

		clock.Step(time.Minute)
		began = time.Now()
		s.ringDue()
		s.requests.Wait()
		scheduled += time.Since(began)
		polls += queries
	}
	b.ReportMetric(float64(scheduled.Nanoseconds())/float64(polls), "ns/poll")
	b.ReportMetric(float64(scheduled)/float64(bare), "x-bare")
}

// BenchmarkScheduling is the same without a request: what is left is the cost of
// the agenda, a goroutine, a context and the metrics.
func BenchmarkScheduling(b *testing.B) {
	const queries = 10_000
	clock := clocktesting.NewFakeClock(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
	s := New(Options{Clock: clock, Registerer: prometheus.NewRegistry()})
	s.start(b.Context())
	nothing := askerFunc(func(context.Context) (source.Answer, error) { return source.Answer{}, nil })
	for i := range queries {
		s.Subscribe(fmt.Sprint(i), []Poll{{
			Key: fmt.Sprint(i), Source: Source{Key: "source", MaxConcurrent: 4}, Interval: time.Minute, Seed: fmt.Sprint(i), Ask: nothing,
		}})
	}
	polls := 0
	for b.Loop() {
		clock.Step(time.Minute)
		s.ringDue()
		s.requests.Wait()
		polls += queries
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(polls), "ns/poll")
}
