// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/source"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// said is what a source said, minutes after noon.
func said(name string, minutes int, rows ...adoption.Row) part {
	segmented := len(rows) > 0 && rows[0].Segment != ""
	return part{name, adoption.Measurement{At: noon.Add(time.Duration(minutes) * time.Minute), Rows: rows, Segmented: segmented, Interval: time.Minute}}
}

func TestSeveralSourcesAreAddedUpBySegment(t *testing.T) {
	sum, ok := addition{}.sum([]part{
		said("east", 2, adoption.Row{Segment: "cart", Value: 3}, adoption.Row{Segment: "media", Value: 1}),
		said("west", 1, adoption.Row{Segment: "ads", Value: 5}, adoption.Row{Segment: "cart", Value: 4, Unknown: "the value is NaN"}),
	}, 2)
	if !ok || sum.Problem != nil || !sum.At.Equal(noon.Add(time.Minute)) || len(sum.Rows) != 3 {
		t.Fatalf("%+v", sum)
	}
	if cart := sum.Rows[1]; cart.Segment != "cart" || cart.Unknown != "west: the value is NaN" || len(cart.From) != 2 {
		t.Errorf("%+v", cart)
	}
	if ads := sum.Rows[0]; ads.Segment != "ads" || ads.Value != 5 || len(ads.From) != 1 {
		t.Errorf("%+v", ads)
	}
}

func TestASegmentForEachSource(t *testing.T) {
	sum, ok := addition{bySource: true}.sum([]part{said("west", 0, adoption.Row{Value: 4}), said("east", 0, adoption.Row{Value: 3})}, 2)
	if !ok || sum.Problem != nil || !sum.Segmented || len(sum.Rows) != 2 || sum.Rows[0].Segment != "east" || sum.Rows[0].Value != 3 {
		t.Fatalf("%+v", sum)
	}
}

func TestAPartIsNeverTakenForTheWhole(t *testing.T) {
	failing := said("west", 0, adoption.Row{Value: 4})
	failing.Problem = &adoption.Problem{Message: "connection refused"}
	never := part{"west", adoption.Measurement{Problem: &adoption.Problem{Message: "connection refused"}}}
	row := adoption.Row{Value: 3}
	for name, test := range map[string]struct {
		parts []part
		says  string
		rows  bool
	}{
		"one has not been asked yet":   {[]part{said("east", 0, row)}, "", false},
		"one fails":                    {[]part{said("east", 0, row), failing}, "west: connection refused", true},
		"one never answered":           {[]part{said("east", 0, row), never}, "west: connection refused", false},
		"one has nothing":              {[]part{said("east", 0, row), said("west", 0)}, "west: answered with nothing", true},
		"one has segments":             {[]part{said("east", 0, row), said("west", 0, adoption.Row{Segment: "cart", Value: 1})}, "west: answers for each segment", true},
		"percentages":                  {[]part{said("east", 0, adoption.Row{Value: .3, Percent: true}), said("west", 0, row)}, "east: answers with percentages", true},
		"one fails, one was not asked": {[]part{failing}, "west: connection refused", false},
	} {
		t.Run(name, func(t *testing.T) {
			sum, ok := addition{}.sum(test.parts, 2)
			switch {
			case test.says == "" && ok:
				t.Errorf("half of the sources is taken for all: %+v", sum)
			case test.says != "" && (sum.Problem == nil || !strings.HasPrefix(sum.Problem.Message, test.says)):
				t.Errorf("want %q, got %+v", test.says, sum.Problem)
			case !test.rows && (len(sum.Rows) > 0 || !sum.At.IsZero()):
				t.Errorf("there is a partial sum: %+v", sum)
			}
		})
	}
}

func TestNothingIsZeroWhereTheMetricSaysSo(t *testing.T) {
	sum, ok := addition{emptyIsZero: true}.sum([]part{said("east", 0, adoption.Row{Value: 3}), said("west", 0)}, 2)
	if !ok || sum.Problem != nil || sum.Rows[0].Value != 3 {
		t.Fatalf("%+v", sum)
	}
}

func TestEverySourceHasToBeAlive(t *testing.T) {
	sum, ok := addition{alive: true}.sum([]part{said("east", 0, adoption.Row{Value: 3}), said("west", 0, adoption.Row{Value: 0})}, 2)
	if !ok || sum.Problem == nil || !strings.HasPrefix(sum.Problem.Message, "west: is not positive") {
		t.Fatalf("a dead cluster is hidden behind a live one: %+v", sum)
	}
}

func TestWhatAProgramSaysForAllItsQueriesIsLeftOutWhereALanguageCannotDoIt(t *testing.T) {
	byNamespace, byLabel := &v1alpha1.SegmentBy{NamespaceLabel: "team"}, &v1alpha1.SegmentBy{Label: "team"}
	own := &v1alpha1.Query{SegmentBy: byNamespace}
	for name, test := range map[string]struct {
		by       *v1alpha1.SegmentBy
		query    *v1alpha1.Query
		question source.Question
		want     *v1alpha1.SegmentBy
	}{
		"http":                 {byLabel, &v1alpha1.Query{}, source.Question{HTTP: &v1alpha1.NamedHTTPQuery{}}, nil},
		"sql":                  {byNamespace, &v1alpha1.Query{}, source.Question{SQL: &v1alpha1.SQLQuery{}}, nil},
		"namespaces of series": {byNamespace, &v1alpha1.Query{}, source.Question{Prometheus: &v1alpha1.PrometheusQuery{}}, nil},
		"labels of series":     {byLabel, &v1alpha1.Query{}, source.Question{Prometheus: &v1alpha1.PrometheusQuery{}}, byLabel},
		"objects":              {byNamespace, &v1alpha1.Query{}, source.Question{Objects: &v1alpha1.ObjectsQuery{}}, byNamespace},
		"the query's own":      {byNamespace, own, source.Question{HTTP: &v1alpha1.NamedHTTPQuery{}}, byNamespace},
	} {
		if got := effectiveSegmentBy(test.by, test.query, test.question); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestMetricsShowNothingOfTooFewPeople(t *testing.T) {
	metrics := NewDomainMetrics()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	known := adoption.Value{Known: true, Amount: 0.75}
	metrics.Observe(types.NamespacedName{Name: "p"}, adoption.Outcome{Readings: map[string]adoption.Reading{
		"shown": {Fresh: true, Total: known}, "hidden": {Fresh: true, Total: known, Suppressed: true},
	}})
	families, err := registry.Gather()
	if err != nil || len(families) != 2 || families[0].GetName() != "uptake_metric_stale" {
		t.Fatalf("%v, %v", families, err)
	}
	if shown := families[1].GetMetric(); len(shown) != 1 || shown[0].GetLabel()[0].GetValue() != "shown" {
		t.Errorf("%v", families)
	}
}

// Alerts leave out phases that nobody wants to be told of, and go by whether a source
// is ready.
func TestMetricsSayWhoIsToldAndWhatAnswers(t *testing.T) {
	metrics := NewDomainMetrics()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	metrics.Observe(types.NamespacedName{Namespace: "team", Name: "p"}, adoption.Outcome{Phases: []adoption.PhaseOutcome{{
		Phase:  &v1alpha1.Phase{ObjectMeta: metav1.ObjectMeta{Name: "pilot"}, Spec: v1alpha1.PhaseSpec{Reporting: v1alpha1.ReportingObserve}},
		Status: v1alpha1.PhaseStatus{State: v1alpha1.PhaseActive, Health: "Delayed"},
	}, {
		Phase:  &v1alpha1.Phase{ObjectMeta: metav1.ObjectMeta{Name: "wave"}},
		Status: v1alpha1.PhaseStatus{State: v1alpha1.PhaseWaiting},
	}, {
		Phase: &v1alpha1.Phase{ObjectMeta: metav1.ObjectMeta{Name: "parked"}},
		Status: v1alpha1.PhaseStatus{State: v1alpha1.PhaseActive, Health: "Delayed", Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionSuspended, Status: metav1.ConditionTrue},
		}},
	}}, Readings: map[string]adoption.Reading{"adopted": {Stale: true}, "legacy": {}}})
	metrics.ObserveSource("UsageSource/team/up", true)
	metrics.ObserveSource("UsageSource/team/down", true)
	metrics.ObserveSource("UsageSource/team/down", false)
	metrics.ObserveSource("UsageSource/team/gone", false)
	metrics.ForgetSource("UsageSource/team/gone")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			text := family.GetName()
			for _, l := range m.GetLabel() {
				text += " " + l.GetName() + "=" + l.GetValue()
			}
			got = append(got, fmt.Sprint(text, " ", m.GetGauge().GetValue()))
		}
	}
	want := []string{
		"uptake_metric_stale metric=adopted namespace=team program=p 1",
		"uptake_metric_stale metric=legacy namespace=team program=p 0",
		"uptake_phase_health health=Delayed namespace=team phase=pilot program=p reporting=Observe 1",
		"uptake_phase_state namespace=team phase=parked program=p reporting=Alert state=Active 1",
		"uptake_phase_state namespace=team phase=pilot program=p reporting=Observe state=Active 1",
		"uptake_phase_state namespace=team phase=wave program=p reporting=Alert state=Waiting 1",
		"uptake_source_ready source=UsageSource/team/down 0",
		"uptake_source_ready source=UsageSource/team/up 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
