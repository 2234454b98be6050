// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Step decides once: at most one transition of each object.
func Step(snapshot Snapshot, now time.Time) Outcome {
	s := newStepper(snapshot, now)
	if s.program == nil {
		return s.withoutProgram()
	}
	for i := range s.program.Spec.Metrics {
		m := &s.program.Spec.Metrics[i]
		s.readings[string(m.Name)] = s.read(m)
	}
	out := Outcome{Readings: s.readings}
	for i, b := range s.barriers {
		out.Barriers = append(out.Barriers, s.stepBarrier(b, i >= MaxBarriers))
	}
	out.Open = s.openings()
	for i, p := range s.phases {
		out.Phases = append(out.Phases, s.stepPhase(p, i >= MaxPhases))
	}
	out.Program = s.stepProgram()
	out.Recheck = s.agenda.recheck()
	return out
}

// stepper is one call of Step: the observed world, made easy to ask.
type stepper struct {
	now            time.Time
	clockSet       ClockSet
	displayEvery   time.Duration
	program        *v1alpha1.AdoptionProgram
	programName    string
	nearest        string
	phases         []*v1alpha1.Phase   // oldest first
	barriers       []*v1alpha1.Barrier // oldest first
	phaseByName    map[string]*v1alpha1.Phase
	measurements   map[string]Measurement
	calendar       calendar
	agenda         *agenda
	pop            population
	dropped        bool // the population dropped and is not believed yet
	droppedAt      *metav1.Time
	droppedWhy     string
	populationSeen *seenSet
	readings       map[string]Reading
	cycles         map[string]string // phase -> the cycle it is in
	orders         map[string]string // phase -> its place in the program
	starts         map[string]earliest
	decided        map[string]time.Time // by metric (see decidedAt)
}

func newStepper(snapshot Snapshot, now time.Time) *stepper {
	now = now.Truncate(time.Second)
	s := &stepper{
		now: now, displayEvery: snapshot.DisplayEvery,
		program: snapshot.Program, programName: snapshot.ProgramName, nearest: snapshot.NearestProgram,
		phases:       slices.SortedFunc(slices.Values(snapshot.Phases), func(a, b *v1alpha1.Phase) int { return older(a, b) }),
		barriers:     slices.SortedFunc(slices.Values(snapshot.Barriers), func(a, b *v1alpha1.Barrier) int { return older(a, b) }),
		phaseByName:  map[string]*v1alpha1.Phase{},
		measurements: notFromTheFuture(snapshot.Measurements, now),
		clockSet:     snapshot.ClockSet,
		agenda:       &agenda{now: now},
		readings:     map[string]Reading{},
		starts:       map[string]earliest{},
	}
	for i, p := range s.phases {
		if i < MaxPhases {
			s.phaseByName[p.Name] = p
		}
	}
	if s.program == nil {
		return s
	}
	s.calendar = newCalendar(&s.program.Spec)
	for _, f := range s.calendar.freezes {
		s.agenda.at(f.from)
		s.agenda.at(f.to)
	}
	s.measurements = takeIn(s.program, s.measurements)
	s.pop = newPopulation(s.program, s.measurements, s.calendar, s.agenda)
	s.decided = s.decidedAt()
	s.judgeDrop()
	s.cycles = cycles(s.phases)
	s.orders = placesOf(s.inOrder())
	return s
}

// older orders objects by creation, then by name.
func older(a, b metav1.Object) int {
	if c := a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time); c != 0 {
		return c
	}
	return strings.Compare(a.GetName(), b.GetName())
}

// dropBelow is the share of the population that is believed at once.
const dropBelow = 0.8

// judgeDrop holds back a population that is suddenly much smaller, or that lost
// a segment: it is more often a source in trouble than people who left.
func (s *stepper) judgeDrop() {
	status := s.program.Status.Population
	if status == nil {
		status = &v1alpha1.PopulationStatus{}
	}
	text := status.Seen
	if text != "" && !strings.Contains(text, "=") {
		text = seenGroup(populationQuestion, "") + "=" + text // as an earlier version stored it
	}
	s.populationSeen = newSeenSet(text, s.pop.source != nil && !s.pop.source.Complete, seenMost)
	s.droppedAt = status.DroppedAt
	if s.pop.source == nil {
		return
	}
	if p := s.pop.source.Problem; p != nil {
		// Only fresh answers make a drop last: an outage begins the wait anew.
		s.dropped = s.droppedAt != nil
		s.droppedWhy = "PopulationDropped, and the population cannot be asked"
		if p.Failures >= sourceFailures && s.dropped {
			since := stamp(s.now)
			s.droppedAt = &since
		}
		return
	}
	if !s.pop.total.known {
		s.dropped = s.droppedAt != nil
		s.droppedWhy = "PopulationDropped, and the population is not known"
		if src := s.pop.source; !src.At.IsZero() && len(src.Rows) == 0 {
			s.droppedAt = nil // what is answered after nothing has to last by itself
		}
		return
	}
	why := s.shrunk(status)
	if why == "" {
		s.droppedAt = nil
		s.rememberPopulation()
		return
	}
	wait := day
	if m := s.headline(); m != nil {
		wait = durationOr(m.SampleEvery, day)
	}
	since := stamp(s.now)
	if status.DroppedAt != nil {
		since = stamp(s.waitedSince(status.DroppedAt.Time, wait))
	}
	until := since.Add(wait)
	if !s.now.Before(until) { // it has lasted: believed
		s.droppedAt = nil
		s.populationSeen = newSeenSet("", s.populationSeen.on, seenMost)
		s.rememberPopulation()
		return
	}
	s.agenda.at(until)
	s.dropped, s.droppedAt = true, &since
	s.droppedWhy = fmt.Sprintf("PopulationDropped: %s; believed when it lasts for %s", why, durationText(wait))
}

// shrunk says how the population is smaller than it was believed to be.
func (s *stepper) shrunk(status *v1alpha1.PopulationStatus) string {
	believed, err := parseDecimal(status.Eligible, "", "")
	if err == nil && s.pop.total.value < dropBelow*believed {
		return fmt.Sprintf("%s of %s eligible are left", decimal(s.pop.total.value), status.Eligible)
	}
	sources, rows := s.pop.source.Sources, s.pop.source.Rows
	if left := s.populationSeen.left(populationQuestion, sources); len(left) > 0 {
		return fmt.Sprintf("%d of the sources are selected no more", len(left))
	}
	seen := s.populationSeen.rows[seenGroup(populationQuestion, "")]
	switch gone := s.populationSeen.gone(populationQuestion, nil, rows); {
	case gone > 0:
		return fmt.Sprintf("%d of %d segments are gone from the answer", gone, len(seen))
	case s.populationSeen.gone(populationQuestion, sources, rows) > 0:
		return "one of the sources has lost a row"
	default:
		return ""
	}
}

var populationQuestion = question{asks: populationPath}

// rememberPopulation remembers the rows of those who are eligible, and who was asked.
func (s *stepper) rememberPopulation() {
	s.populationSeen.addSources(populationQuestion, s.pop.source.Sources)
	for _, row := range s.pop.source.Rows {
		if _, ok := s.pop.find(row.Segment); ok || !s.pop.segmented {
			s.populationSeen.addAll(populationQuestion, []Row{row})
		}
	}
}

// headline is the metric shown as the program's adoption.
func (s *stepper) headline() *v1alpha1.Metric {
	metrics := s.program.Spec.Metrics
	for i := range metrics {
		if metrics[i].Name == s.program.Spec.HeadlineMetric {
			return &metrics[i]
		}
	}
	if len(metrics) == 0 {
		return nil
	}
	return &metrics[0]
}

// metricStatus is what the status holds about a metric; never nil.
func (s *stepper) metricStatus(name string) *v1alpha1.MetricStatus {
	for i := range s.program.Status.Metrics {
		if s.program.Status.Metrics[i].Name == name {
			return &s.program.Status.Metrics[i]
		}
	}
	return &v1alpha1.MetricStatus{}
}

func (s *stepper) metricNames() []string {
	names := make([]string, len(s.program.Spec.Metrics))
	for i, m := range s.program.Spec.Metrics {
		names[i] = string(m.Name)
	}
	return names
}

func (s *stepper) phaseNames() []string {
	names := make([]string, len(s.phases))
	for i, p := range s.phases {
		names[i] = p.Name
	}
	return names
}

// cycles finds phases that wait for each other, and names each one's cycle.
func cycles(phases []*v1alpha1.Phase) map[string]string {
	dependencies := map[string][]string{}
	for _, p := range phases {
		for _, d := range p.Spec.DependsOn {
			dependencies[p.Name] = append(dependencies[p.Name], string(d))
		}
	}
	found := map[string]string{}
	for _, p := range phases {
		if path := pathBack(p.Name, dependencies); path != nil {
			found[p.Name] = strings.Join(path, " -> ")
		}
	}
	return found
}

// pathBack returns the shortest way from a phase over its dependencies to itself.
func pathBack(start string, dependencies map[string][]string) []string {
	cameFrom := map[string]string{}
	queue := []string{start}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, next := range dependencies[at] {
			if next == start {
				path := []string{start}
				for step := at; step != start; step = cameFrom[step] {
					path = append(path, step)
				}
				path = append(path, start)
				slices.Reverse(path)
				return path
			}
			if _, visited := cameFrom[next]; !visited {
				cameFrom[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// advance records a transition in a ring of the last ten.
func advance(ring []v1alpha1.TransitionStatus, from, to, reason, message string, now time.Time) []v1alpha1.TransitionStatus {
	next := v1alpha1.TransitionStatus{
		Number: newest(ring) + 1, From: from, To: to, Reason: reason, Message: Clip(message, 1024), Time: stamp(now),
	}
	ring = append(slices.Clone(ring), next)
	if over := len(ring) - 10; over > 0 {
		ring = ring[over:]
	}
	return ring
}

// Clip shortens a text to a number of bytes, without cutting a character.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	cut := limit - len("…")
	for cut > 0 && text[cut]&0xC0 == 0x80 {
		cut--
	}
	return text[:cut] + "…"
}

// listed joins up to a number of names and counts the rest: "cart, media, +3".
func listed(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s, +%d", strings.Join(names[:most], ", "), len(names)-most)
}
