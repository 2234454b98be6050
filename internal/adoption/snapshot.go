// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Limits on what one program is served; beyond them the oldest are served and
// the rest are told.
const (
	MaxPhases   = 200
	MaxBarriers = 1000
	MaxSegments = 5000
)

// Snapshot is everything that was observed of one program.
type Snapshot struct {
	// Program is nil when phases or barriers name one that does not exist.
	Program *v1alpha1.AdoptionProgram
	// ProgramName is the name the phases and barriers give.
	ProgramName string
	// NearestProgram is the existing program with the most similar name, if any.
	NearestProgram string
	Phases         []*v1alpha1.Phase
	Barriers       []*v1alpha1.Barrier
	// Measurements by the path of their query (see Queries). A missing one has
	// not been attempted yet.
	Measurements map[string]Measurement
	// DisplayEvery is the least time between two writes that change only values.
	DisplayEvery time.Duration
	// ClockSet is when the time of day was last set while this operator ran.
	ClockSet ClockSet
}

// ClockSet says that times from before it cannot be compared with those after it.
type ClockSet struct {
	// At is what the clock showed afterwards; zero: it was never set.
	At time.Time
	// By is how far it was set; negative: back.
	By time.Duration
}

// Measurement is what is known of one query.
type Measurement struct {
	// At is when the newest good answer was asked for; zero: there is none.
	At time.Time
	// Rows of the newest good answer: one a segment, sorted, or a single one
	// with an empty segment.
	Rows []Row
	// Segmented says that rows belong to segments.
	Segmented bool
	// Complete says that a missing row is a true zero.
	Complete bool
	// NamesWithheld says that names of segments that the program does not know are not
	// for it to see: it has written the query itself, and could make names of anything.
	NamesWithheld bool
	// Hint says why the answer may be zero: that nothing carries a label, for example.
	Hint string
	// Sources are the names of those whose answers were added up; nil: it is one.
	Sources []string
	// Interval between two polls.
	Interval time.Duration
	// Problem of the newest attempt; nil when it was good.
	Problem *Problem
}

// Row is one number.
type Row struct {
	Segment string
	Value   float64
	// Percent says that it was written with a percent sign; Value is a fraction.
	Percent bool
	// Unknown says why there is no number for this segment; empty: there is one.
	Unknown string
	// Date is when people counted it; zero: it is counted at every poll.
	Date time.Time
	// Expires is when the number is too old; zero: not by itself.
	Expires time.Time
	// From are the names of the sources that had a row for this segment, when
	// several were added up.
	From []string
}

// ProblemKind says what a problem does to the program's conditions.
type ProblemKind int

const (
	// ProblemData is a source that does not answer or whose answer is not usable.
	ProblemData ProblemKind = iota
	// ProblemSpec is a query that cannot work until somebody changes it.
	ProblemSpec
	// ProblemReference is a query that names something that is not there yet.
	ProblemReference
)

// Problem is why there is no fresh answer.
type Problem struct {
	Kind ProblemKind
	// Reason is a condition reason for ProblemSpec and ProblemReference.
	Reason string
	// Message for people: what is wrong and what to do.
	Message string
	// Failures in a row.
	Failures int
	// Since is when they began; zero: not known.
	Since time.Time
}

// Outcome is what a step decided.
type Outcome struct {
	Phases   []PhaseOutcome
	Barriers []BarrierOutcome
	// Open are barriers to create.
	Open []*v1alpha1.Barrier
	// Program is nil when there is no program.
	Program *ProgramOutcome
	// Recheck is when time alone may change something; zero: never.
	Recheck time.Duration
	// Readings by metric, for metrics about adoption.
	Readings map[string]Reading
}

// PhaseOutcome is what a phase's status should be.
type PhaseOutcome struct {
	Phase  *v1alpha1.Phase
	Status v1alpha1.PhaseStatus
	// Write says that the status is to be stored now.
	Write bool
}

// BarrierOutcome is what a barrier's status should be.
type BarrierOutcome struct {
	Barrier *v1alpha1.Barrier
	Status  v1alpha1.BarrierStatus
	Write   bool
}

// ProgramOutcome is what a program's status should be.
type ProgramOutcome struct {
	Program *v1alpha1.AdoptionProgram
	Status  v1alpha1.AdoptionProgramStatus
	Write   bool
}

// Transitions reports whether the step changes the state of anything, or opens a
// barrier: such a step is decided once more on uncached objects.
func (o Outcome) Transitions() bool {
	if len(o.Open) > 0 {
		return true
	}
	for _, p := range o.Phases {
		if newest(p.Status.Transitions) != newest(p.Phase.Status.Transitions) {
			return true
		}
	}
	for _, b := range o.Barriers {
		if newest(b.Status.Transitions) != newest(b.Barrier.Status.Transitions) {
			return true
		}
	}
	return o.Program != nil &&
		newest(o.Program.Status.Transitions) != newest(o.Program.Program.Status.Transitions)
}

func newest(ring []v1alpha1.TransitionStatus) int64 {
	if len(ring) == 0 {
		return 0
	}
	return ring[len(ring)-1].Number
}
