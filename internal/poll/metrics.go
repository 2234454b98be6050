// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/uptake-dev/uptake/internal/source"
)

// outcomeGood is the outcome of a poll that was answered; otherwise the outcome
// is the class of the failure.
const outcomeGood = "Answered"

// metrics are labelled by source, of which there are as many as administrators
// made, and by outcome, of which there are ten.
type metrics struct {
	duration *prometheus.HistogramVec
	polls    *prometheus.CounterVec
	lateness *prometheus.HistogramVec
}

func newMetrics(registerer prometheus.Registerer) metrics {
	factory := promauto.With(registerer)
	return metrics{
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "uptake_poll_duration_seconds",
			Help:    "How long a poll of a usage source took.",
			Buckets: []float64{.001, .005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"source", "outcome"}),
		polls: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "uptake_polls_total",
			Help: "Polls of a usage source by outcome: Answered, or the class of the failure.",
		}, []string{"source", "outcome"}),
		lateness: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "uptake_poll_lateness_seconds",
			Help:    "How long after it was due a poll started, because of the limits of its source or of this process.",
			Buckets: []float64{.01, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"source"}),
	}
}

func (m metrics) record(sourceKey string, failure *source.Error, took, late time.Duration) {
	outcome := outcomeGood
	if failure != nil {
		outcome = string(failure.Class)
	}
	m.duration.WithLabelValues(sourceKey, outcome).Observe(took.Seconds())
	m.polls.WithLabelValues(sourceKey, outcome).Inc()
	m.lateness.WithLabelValues(sourceKey).Observe(max(late, 0).Seconds())
}

// forget drops the series of a source that nothing is asked any more.
func (m metrics) forget(sourceKey string) {
	labels := prometheus.Labels{"source": sourceKey}
	m.duration.DeletePartialMatch(labels)
	m.polls.DeletePartialMatch(labels)
	m.lateness.DeletePartialMatch(labels)
}
