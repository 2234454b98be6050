// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/uptake-dev/uptake/internal/source"
)

// BenchmarkBesideASourceThatHangs polls a healthy source for 500 programs, alone
// and then beside a source for 500 others whose server accepts connections and
// never answers. It reports how late polls of the healthy one start, and how much
// later than alone.
func BenchmarkBesideASourceThatHangs(b *testing.B) {
	healthy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "42") }))
	defer healthy.Close()
	hanging, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = hanging.Close() }()
	go func() {
		for {
			connection, err := hanging.Accept()
			if err != nil {
				return
			}
			defer func() { _ = connection.Close() }()
		}
	}()
	var alone, beside, polls float64
	for b.Loop() {
		one, n := lateness(b, healthy.URL, "")
		both, m := lateness(b, healthy.URL, "http://"+hanging.Addr().String())
		alone, beside, polls = alone+one, beside+both, polls+n+m
	}
	b.ReportMetric(alone/float64(b.N)*1e3, "ms-late-alone")
	b.ReportMetric(beside/float64(b.N)*1e3, "ms-late-beside")
	b.ReportMetric(beside/alone, "x-alone")
	b.ReportMetric(polls/float64(b.N), "polls/op")
}

// lateness polls for a while, and returns the mean lateness of the healthy source
// in seconds with the number of its polls.
func lateness(b *testing.B, healthy, hanging string) (mean, polls float64) {
	b.Helper()
	registry := prometheus.NewRegistry()
	s := New(Options{Clock: clock.RealClock{}, Registerer: registry})
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	ask := func(url string) source.Asker {
		return askerFunc(func(ctx context.Context) (source.Answer, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return source.Answer{}, err
			}
			response, err := client.Do(request)
			if err != nil {
				return source.Answer{}, source.Unreachable("the server", err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			return number(42), response.Body.Close()
		})
	}
	for key, url := range map[string]string{"healthy": healthy, "hanging": hanging} {
		for i := range 500 {
			if url == "" {
				break
			}
			name := fmt.Sprintf("%s %d", key, i)
			s.Subscribe(name, []Poll{{
				Key: name, Source: Source{Key: key, MaxConcurrent: 4, Timeout: time.Second}, Interval: time.Second, Seed: name, Ask: ask(url),
			}})
		}
	}
	if err := s.Start(ctx); err != nil {
		b.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "uptake_poll_lateness_seconds" && m.GetLabel()[0].GetValue() == "healthy" {
				return m.GetHistogram().GetSampleSum() / float64(m.GetHistogram().GetSampleCount()), float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	b.Fatal("nothing was polled")
	return 0, 0
}
