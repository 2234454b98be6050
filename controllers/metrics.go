// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
)

// DomainMetrics shows what programs have reached, and which sources answer. It keeps
// the newest outcome of each and makes metrics of it when it is scraped, so nothing
// of a deleted program or source is left behind. Values of single segments are not shown, nor
// those of fewer people than minGroupSize.
type DomainMetrics struct {
	mu       sync.Mutex
	programs map[types.NamespacedName]domainValues
	sources  map[string]bool
}

type domainValues struct {
	metrics  map[string]float64
	stale    map[string]bool
	health   string
	phases   map[string]phaseValues
	barriers map[v1alpha1.BarrierState]int
	// open are the states of barriers that stand in the way.
	open map[string]v1alpha1.BarrierState
	// mistakes are why objects cannot work.
	mistakes map[objectName]string
}

type objectName struct{ kind, name string }

type phaseValues struct {
	state     v1alpha1.PhaseState
	health    string // empty while the phase is suspended
	reporting v1alpha1.Reporting
}

var (
	metricValue = prometheus.NewDesc("uptake_metric_value",
		"Newest fresh value of a program's metric: a fraction for percentages, seconds for durations. Absent while unknown.",
		[]string{"namespace", "program", "metric"}, nil)
	metricStale = prometheus.NewDesc("uptake_metric_stale",
		"1 while there has been no usable answer about a program's metric for longer than its staleAfter, otherwise 0.",
		[]string{"namespace", "program", "metric"}, nil)
	programHealth = prometheus.NewDesc("uptake_program_health",
		"1 for the health of a program.", []string{"namespace", "program", "health"}, nil)
	phaseHealth = prometheus.NewDesc("uptake_phase_health",
		"1 for the health of a phase. Absent while it is suspended.", []string{"namespace", "program", "phase", "reporting", "health"}, nil)
	phaseState = prometheus.NewDesc("uptake_phase_state",
		"1 for the state a phase is in.", []string{"namespace", "program", "phase", "reporting", "state"}, nil)
	barrierCount = prometheus.NewDesc("uptake_barriers",
		"Number of a program's barriers in a state.", []string{"namespace", "program", "state"}, nil)
	barrierOpen = prometheus.NewDesc("uptake_barrier_open",
		"1 for a barrier that stands in the way, Open or Escalated.", []string{"namespace", "program", "barrier", "state"}, nil)
	specMistake = prometheus.NewDesc("uptake_spec_mistake",
		"1 for a program, phase or barrier that cannot work as it is written, or names what is not there.",
		[]string{"namespace", "program", "kind", "name", "reason"}, nil)
	sourceReady = prometheus.NewDesc("uptake_source_ready",
		"1 while a usage source is Ready, otherwise 0.", []string{"source"}, nil)
)

// NewDomainMetrics returns metrics without programs and sources.
func NewDomainMetrics() *DomainMetrics {
	return &DomainMetrics{programs: map[types.NamespacedName]domainValues{}, sources: map[string]bool{}}
}

// Observe takes what a step decided, after it was stored.
func (d *DomainMetrics) Observe(key types.NamespacedName, outcome adoption.Outcome) {
	values := domainValues{
		metrics: map[string]float64{}, stale: map[string]bool{}, phases: map[string]phaseValues{}, barriers: map[v1alpha1.BarrierState]int{},
		open: map[string]v1alpha1.BarrierState{}, mistakes: map[objectName]string{},
	}
	for name, reading := range outcome.Readings {
		values.stale[name] = reading.Stale
		if reading.Fresh && reading.Total.Known && !reading.Suppressed {
			values.metrics[name] = reading.Total.Amount
		}
	}
	if outcome.Program != nil {
		values.health = outcome.Program.Status.Health
		values.note("AdoptionProgram", key.Name, outcome.Program.Status.Conditions)
	}
	for _, p := range outcome.Phases {
		health := p.Status.Health
		if meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionSuspended) {
			health = ""
		}
		values.note("Phase", p.Phase.Name, p.Status.Conditions)
		values.phases[p.Phase.Name] = phaseValues{p.Status.State, health, cmp.Or(p.Phase.Spec.Reporting, v1alpha1.ReportingAlert)}
	}
	for _, b := range outcome.Barriers {
		values.note("Barrier", b.Barrier.Name, b.Status.Conditions)
		if b.Status.State == v1alpha1.BarrierOpen || b.Status.State == v1alpha1.BarrierEscalated {
			values.open[b.Barrier.Name] = b.Status.State
		}
		if b.Status.State != "" {
			values.barriers[b.Status.State]++
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.programs[key] = values
}

// note remembers why an object cannot work. Data that is late, and people who are, are
// told by other metrics.
func (v *domainValues) note(kind, name string, conditions []metav1.Condition) {
	for _, of := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling} {
		c := meta.FindStatusCondition(conditions, of)
		if c != nil && c.Status == metav1.ConditionTrue && c.Reason != v1alpha1.ReasonAwaitingData && c.Reason != v1alpha1.ReasonDeadlineMissed {
			v.mistakes[objectName{kind, name}] = c.Reason
			return
		}
	}
}

// Forget drops a program.
func (d *DomainMetrics) Forget(key types.NamespacedName) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.programs, key)
}

// ObserveSource takes whether a source is ready, after it was stored.
func (d *DomainMetrics) ObserveSource(key string, ready bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sources[key] = ready
}

// ForgetSource drops a source.
func (d *DomainMetrics) ForgetSource(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sources, key)
}

// Describe implements prometheus.Collector.
func (d *DomainMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- metricValue
	ch <- metricStale
	ch <- programHealth
	ch <- phaseState
	ch <- phaseHealth
	ch <- barrierCount
	ch <- barrierOpen
	ch <- specMistake
	ch <- sourceReady
}

// Collect implements prometheus.Collector.
func (d *DomainMetrics) Collect(ch chan<- prometheus.Metric) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, ready := range d.sources {
		ch <- prometheus.MustNewConstMetric(sourceReady, prometheus.GaugeValue, oneIf(ready), key)
	}
	for key, values := range d.programs {
		for name, v := range values.metrics {
			ch <- prometheus.MustNewConstMetric(metricValue, prometheus.GaugeValue, v, key.Namespace, key.Name, name)
		}
		for name, stale := range values.stale {
			ch <- prometheus.MustNewConstMetric(metricStale, prometheus.GaugeValue, oneIf(stale), key.Namespace, key.Name, name)
		}
		one := func(of *prometheus.Desc, is string, labels ...string) {
			if is != "" {
				ch <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, 1, append(labels, is)...)
			}
		}
		one(programHealth, values.health, key.Namespace, key.Name)
		for name, phase := range values.phases {
			one(phaseState, string(phase.state), key.Namespace, key.Name, name, string(phase.reporting))
			one(phaseHealth, phase.health, key.Namespace, key.Name, name, string(phase.reporting))
		}
		for name, state := range values.open {
			one(barrierOpen, string(state), key.Namespace, key.Name, name)
		}
		for of, reason := range values.mistakes {
			one(specMistake, reason, key.Namespace, key.Name, of.kind, of.name)
		}
		for state, n := range values.barriers {
			ch <- prometheus.MustNewConstMetric(barrierCount, prometheus.GaugeValue, float64(n), key.Namespace, key.Name, string(state))
		}
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
