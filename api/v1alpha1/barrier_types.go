// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BarrierSpec is an obstacle to adoption.
//
// +kubebuilder:validation:XValidation:rule="has(self.cause) == has(oldSelf.cause) && (!has(self.cause) || self.cause == oldSelf.cause)",message="cause is set by the operator when it opens a barrier, and immutable"
// +kubebuilder:validation:XValidation:rule="!has(self.cause) || !has(self.detect)",message="a barrier with a cause is detected by the operator: leave detect out"
type BarrierSpec struct {
	// programRef names the program, in this namespace.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="programRef is immutable: delete the barrier and create it under the other program"
	ProgramRef LocalRef `json:"programRef,omitempty,omitzero"`
	// summary of the obstacle, in one sentence.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Summary string `json:"summary,omitempty"`
	// category says what kind of obstacle it is, and so what helps: training against
	// Knowledge, not against Policy. It is shown and changes nothing else.
	// +required
	Category BarrierCategory `json:"category,omitempty"`
	// severity: Blocking keeps phases from starting and finishing, Major puts
	// them at risk, Minor is only shown; default: Minor.
	// +optional
	// +kubebuilder:default=Minor
	Severity Severity `json:"severity,omitempty"`
	// owner is who removes the obstacle.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Owner string `json:"owner,omitempty"`
	// requiresExecutiveAction escalates the barrier from the moment it opens; its
	// resolution names who decided, who needs the verb approve.
	// +optional
	RequiresExecutiveAction *bool `json:"requiresExecutiveAction,omitempty"`
	// reportedAt is when people reported it; time to escalation counts from here
	// when that is earlier than the opening.
	// +optional
	ReportedAt Date `json:"reportedAt,omitempty"`
	// dueBy is when the obstacle should be gone.
	// +optional
	DueBy Date `json:"dueBy,omitempty"`
	// escalateAfter opening, or after dueBy, whichever is first; default: the
	// program's accountability.escalateAfter.
	// +optional
	EscalateAfter Duration `json:"escalateAfter,omitempty"`
	// phases concerned; default: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	Phases []ObjectName `json:"phases,omitempty"`
	// segments concerned; default: all. A phase is concerned when its audience
	// has one of them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	Segments []SegmentName `json:"segments,omitempty"`
	// detect opens and resolves the barrier by measurement; default: it is open
	// until people resolve it.
	// +optional
	Detect *Detect `json:"detect,omitempty"`
	// plays are what is done about it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Plays []Play `json:"plays,omitempty"`
	// resolution is people's decision.
	// +optional
	Resolution *Resolution `json:"resolution,omitempty"`
	// cause is set by the operator on the barriers that it opens; people leave it out.
	// +optional
	Cause *BarrierCause `json:"cause,omitempty"`
}

// BarrierCategory says what kind of obstacle it is.
// +kubebuilder:validation:Enum=Awareness;Motivation;Knowledge;Ability;Process;Policy;Role;Incentive;Technical;DataQuality;LegacyRoute;Leadership;Resources;Objection
type BarrierCategory string

// The categories that the operator uses for barriers that it opens itself.
const (
	// CategoryMotivation is for a plateau.
	CategoryMotivation BarrierCategory = "Motivation"
	// CategoryProcess is for a regression.
	CategoryProcess BarrierCategory = "Process"
	// CategoryLeadership is for segments that lag.
	CategoryLeadership BarrierCategory = "Leadership"
	// CategoryLegacyRoute is for an old route left open.
	CategoryLegacyRoute BarrierCategory = "LegacyRoute"
)

// Severity says what a barrier does to the phases concerned.
// +kubebuilder:validation:Enum=Blocking;Major;Minor
type Severity string

const (
	// SeverityBlocking keeps phases from starting and finishing.
	SeverityBlocking Severity = "Blocking"
	// SeverityMajor puts phases at risk.
	SeverityMajor Severity = "Major"
	// SeverityMinor is only shown.
	SeverityMinor Severity = "Minor"
)

// DetectScope says what a detection looks at.
// +kubebuilder:validation:Enum=Overall;Any
type DetectScope string

const (
	// DetectOverall looks at all segments together.
	DetectOverall DetectScope = "Overall"
	// DetectAny looks at every segment by itself.
	DetectAny DetectScope = "Any"
)

// Detect is a bound on a metric that says that the obstacle is there.
//
// +kubebuilder:validation:XValidation:rule="has(self.atLeast) != has(self.atMost)",message="detect is exactly one of atLeast and atMost"
type Detect struct {
	// metric of the program, over the barrier's segments; without any, over those of
	// the phases that it names.
	// +required
	Metric Name `json:"metric,omitempty"`
	// atLeast: the obstacle is there at this value and above.
	// +optional
	AtLeast Number `json:"atLeast,omitempty"`
	// atMost: the obstacle is there at this value and below.
	// +optional
	AtMost Number `json:"atMost,omitempty"`
	// scope: Overall looks at the segments together, Any at each by itself: one in
	// which the obstacle is there opens the barrier; default: Overall.
	// +optional
	Scope DetectScope `json:"scope,omitempty"`
	// for is how long every check detects it before it opens, and none before it
	// is resolved; default: one check.
	// +optional
	For Duration `json:"for,omitempty"`
}

// Play is one thing that is done about an obstacle.
type Play struct {
	// action in a few words.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Action string `json:"action,omitempty"`
	// owner of the action.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Owner string `json:"owner,omitempty"`
	// done when it has been done.
	// +optional
	Done *bool `json:"done,omitempty"`
}

// ResolutionState is people's decision on a barrier.
// +kubebuilder:validation:Enum=Resolved;Accepted
type ResolutionState string

const (
	// ResolutionResolved says that the obstacle is gone.
	ResolutionResolved ResolutionState = "Resolved"
	// ResolutionAccepted says that people live with it.
	ResolutionAccepted ResolutionState = "Accepted"
)

// Resolution is people's decision on a barrier.
//
// +kubebuilder:validation:XValidation:rule="!has(self.until) || self.state == 'Accepted'",message="until goes with state: Accepted"
type Resolution struct {
	// state is Resolved or Accepted.
	// +required
	State ResolutionState `json:"state,omitempty"`
	// by names who decided.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
	// note says why.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Note string `json:"note,omitempty"`
	// until ends an acceptance; default: never.
	// +optional
	Until Date `json:"until,omitempty"`
}

// CauseType is why the operator opened a barrier.
// +kubebuilder:validation:Enum=Plateau;Regression;LaggingSegments;LegacyRoute
type CauseType string

const (
	// CausePlateau: the metric of an active phase has not moved for 28 samples.
	CausePlateau CauseType = "Plateau"
	// CauseRegression: a phase that was achieved has fallen back.
	CauseRegression CauseType = "Regression"
	// CauseLaggingSegments: some segments have met a target, others are not half way.
	CauseLaggingSegments CauseType = "LaggingSegments"
	// CauseLegacyRoute: every phase is achieved and the old route still in use.
	CauseLegacyRoute CauseType = "LegacyRoute"
)

// BarrierCause is why the operator opened a barrier.
type BarrierCause struct {
	// type of the cause.
	// +required
	Type CauseType `json:"type,omitempty"`
	// metric that shows it; a regression is of all that fell, and names the first.
	// +required
	Metric Name `json:"metric,omitempty"`
}

// BarrierState is the stored state of a barrier.
type BarrierState string

const (
	// BarrierWatching is not there, and opens when it is detected.
	BarrierWatching BarrierState = "Watching"
	// BarrierOpen stands in the way.
	BarrierOpen BarrierState = "Open"
	// BarrierEscalated is open, and with the executive sponsor.
	BarrierEscalated BarrierState = "Escalated"
	// BarrierAccepted is there, and people have decided to live with it.
	BarrierAccepted BarrierState = "Accepted"
	// BarrierResolved is gone.
	BarrierResolved BarrierState = "Resolved"
)

// BarrierStatus is what the operator knows of a barrier.
type BarrierStatus struct {
	// observedGeneration is the generation that this status is about.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration"`
	// state is Watching, Open, Escalated, Accepted or Resolved.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	State BarrierState `json:"state,omitempty"`
	// since is when the state was entered.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// openedAt is when the barrier was last opened.
	// +optional
	OpenedAt *metav1.Time `json:"openedAt,omitempty"`
	// opened is the day of openedAt in the program's time zone.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Opened string `json:"opened,omitempty"`
	// resolvedBy names who resolved or accepted it, as spec.resolution.by says.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ResolvedBy string `json:"resolvedBy,omitempty"`
	// blocks names the phases that are kept back now.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Blocks string `json:"blocks,omitempty"`
	// summary says what is needed next, in one sentence.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Summary string `json:"summary,omitempty"`
	// detected says what was measured when the operator opened the barrier, in place of
	// its summary.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Detected string `json:"detected,omitempty"`
	// value of the metric that detects the barrier.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Value string `json:"value,omitempty"`
	// valuesAt is when the values of this status were last written.
	// +optional
	ValuesAt *metav1.Time `json:"valuesAt,omitempty"`
	// measuredAt is when the measurement was asked for that was last decided on. It is
	// written with other changes. An older measurement is not decided on any more.
	// +optional
	MeasuredAt *metav1.Time `json:"measuredAt,omitempty"`
	// detect is the run of checks towards opening or resolving.
	// +optional
	Detect *CheckWindow `json:"detect,omitempty"`
	// transitions are the last ten changes of state.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Transitions []TransitionStatus `json:"transitions,omitempty"`
	// conditions: Ready always; Reconciling and Stalled only while True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Barrier is an obstacle to adoption: who owns it, by when it should be gone,
// what it keeps back, how it is detected. People write them; the operator opens
// one when adoption stalls or falls back.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=br,categories=uptake
// +kubebuilder:selectablefield:JSONPath=`.spec.programRef.name`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Program",type=string,JSONPath=`.spec.programRef.name`
// +kubebuilder:printcolumn:name="Category",type=string,JSONPath=`.spec.category`
// +kubebuilder:printcolumn:name="Severity",type=string,JSONPath=`.spec.severity`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.owner`
// +kubebuilder:printcolumn:name="Due",type=string,JSONPath=`.spec.dueBy`
// +kubebuilder:printcolumn:name="Opened",type=string,JSONPath=`.status.opened`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Summary",type=string,JSONPath=`.status.summary`,priority=1
// +kubebuilder:printcolumn:name="Blocks",type=string,JSONPath=`.status.blocks`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Barrier struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is written by people, or once by the operator.
	// +required
	Spec BarrierSpec `json:"spec,omitempty,omitzero"`
	// status is written by the operator.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status BarrierStatus `json:"status,omitempty,omitzero"`
}

// BarrierList is a list of Barrier.
// +kubebuilder:object:root=true
type BarrierList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Barrier `json:"items"`
}
