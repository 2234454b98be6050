// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ApprovalAnnotationPrefix, followed by a gate's name, is the annotation of a
// Phase that approves the gate; its value names who approves.
const ApprovalAnnotationPrefix = "approval.uptake.dev/"

// PhaseSpec is one stage of a program.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.deadline) && has(self.maxDuration))",message="at most one of deadline and maxDuration"
type PhaseSpec struct {
	// programRef names the program, in this namespace.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="programRef is immutable: create a phase of another name, with spec.checkpoint: {startedAt: DATE} for what it reached, and delete this one"
	ProgramRef LocalRef `json:"programRef,omitempty,omitzero"`
	// dependsOn names phases of the program that are achieved before this one starts.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	DependsOn []ObjectName `json:"dependsOn,omitempty"`
	// segments are the audience; default: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	Segments []SegmentName `json:"segments,omitempty"`
	// notBefore is the earliest start.
	// +optional
	NotBefore Date `json:"notBefore,omitempty"`
	// deadline by which the phase should be achieved: 2026-12-01 counts to the end of
	// that day in the program's time zone, 2026-12-01T08:00:00Z is a moment. It never
	// moves the phase.
	// +optional
	Deadline Date `json:"deadline,omitempty"`
	// maxDuration is a deadline counted from the start, freezes left out.
	// +optional
	MaxDuration Duration `json:"maxDuration,omitempty"`
	// targets that are all met at the same time.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Targets []Target `json:"targets,omitempty"`
	// hold is how long targets stay met; default: not at all.
	// +optional
	Hold *Hold `json:"hold,omitempty"`
	// gates are decisions of people.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Gates []Gate `json:"gates,omitempty"`
	// sustain watches an achieved phase for regression; default: not watched.
	// +optional
	Sustain *Sustain `json:"sustain,omitempty"`
	// reporting says how much of people's progress tools see as health: Observe
	// none, Alert missed deadlines and regressions, Gate waits for achievement.
	// +optional
	// +kubebuilder:default=Alert
	Reporting Reporting `json:"reporting,omitempty"`
	// checkpoint takes over the progress of an earlier object, for example from
	// another cluster; honoured only while status is empty.
	// +optional
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	// suspend stops every transition of this phase.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// TargetScope says what a target looks at.
// +kubebuilder:validation:Enum=Overall;Each
type TargetScope string

const (
	// ScopeOverall looks at all segments together.
	ScopeOverall TargetScope = "Overall"
	// ScopeEach looks at every segment by itself.
	ScopeEach TargetScope = "Each"
)

// Target is a bound on a metric.
//
// +kubebuilder:validation:XValidation:rule="has(self.atLeast) != has(self.atMost)",message="a target is exactly one of atLeast and atMost"
// +kubebuilder:validation:XValidation:rule="!has(self.segmentShare) || !has(self.scope) || self.scope == 'Each'",message="segmentShare counts segments: use scope: Each with it"
type Target struct {
	// metric of the program.
	// +required
	Metric Name `json:"metric,omitempty"`
	// atLeast is the smallest value that meets the target.
	// +optional
	AtLeast Number `json:"atLeast,omitempty"`
	// atMost is the largest value that meets the target.
	// +optional
	AtMost Number `json:"atMost,omitempty"`
	// segments looked at; default: the phase's.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	Segments []SegmentName `json:"segments,omitempty"`
	// scope: Overall takes the segments together, Each one by one; default:
	// Each with segmentShare, otherwise Overall.
	// +optional
	Scope TargetScope `json:"scope,omitempty"`
	// segmentShare is the share of segments in which the target is to be met;
	// default: all of them.
	// +optional
	SegmentShare Percentage `json:"segmentShare,omitempty"`
}

// Hold is a time for which targets stay met, checked in equal steps.
type Hold struct {
	// for is the length of measured time.
	// +required
	For Duration `json:"for,omitempty"`
	// every is the distance of two checks; default: the larger of for/10 and the
	// slowest interval. At most 100 checks.
	// +optional
	Every Duration `json:"every,omitempty"`
	// missesAllowed among the checks of the hold; default: 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=99
	MissesAllowed *int32 `json:"missesAllowed,omitempty"`
}

// GateAt says what a gate keeps back.
// +kubebuilder:validation:Enum=Start;Finish
type GateAt string

const (
	// GateAtStart keeps a phase from starting.
	GateAtStart GateAt = "Start"
	// GateAtFinish keeps a phase from being achieved.
	GateAtFinish GateAt = "Finish"
)

// Gate is a decision of people, given by the annotation
// approval.uptake.dev/NAME: WHO. What is approved are the targets, the audience,
// the hold and the queries of that time: when they change it is asked for again.
type Gate struct {
	// name of the gate.
	// +required
	Name Name `json:"name,omitempty"`
	// at says what the gate keeps back; default: Finish.
	// +optional
	At GateAt `json:"at,omitempty"`
	// description of what is to be decided.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Description string `json:"description,omitempty"`
	// notice is how long before it is needed the approval is asked for: before the
	// deadline (Finish) or notBefore (Start), without one from the start of the phase;
	// default: only when nothing else is missing. It can be given at any time.
	// +optional
	Notice Duration `json:"notice,omitempty"`
}

// OnRegression says what a regression does.
// +kubebuilder:validation:Enum=Flag;Reopen
type OnRegression string

const (
	// OnRegressionFlag marks the phase Regressed until it recovers.
	OnRegressionFlag OnRegression = "Flag"
	// OnRegressionReopen makes the phase Active again: a new attempt.
	OnRegressionReopen OnRegression = "Reopen"
)

// Sustain watches an achieved phase.
type Sustain struct {
	// margin beyond a target that is still no regression, for the targets whose
	// metric has its format; default: none.
	// +optional
	Margin Number `json:"margin,omitempty"`
	// for is how long every check is beyond target and margin before it is a
	// regression, and within the targets before it has recovered.
	// +required
	For Duration `json:"for,omitempty"`
	// onRegression: Flag or Reopen.
	// +optional
	// +kubebuilder:default=Flag
	OnRegression OnRegression `json:"onRegression,omitempty"`
}

// Reporting says how much of people's progress tools see as health.
// +kubebuilder:validation:Enum=Observe;Alert;Gate
type Reporting string

const (
	// ReportingObserve never colours.
	ReportingObserve Reporting = "Observe"
	// ReportingAlert colours missed deadlines and regressions.
	ReportingAlert Reporting = "Alert"
	// ReportingGate is not ready before the phase is achieved.
	ReportingGate Reporting = "Gate"
)

// Checkpoint is progress made elsewhere.
type Checkpoint struct {
	// achievedAt makes the phase Achieved at once, when it is in the past.
	// +optional
	AchievedAt Date `json:"achievedAt,omitempty"`
	// startedAt makes the phase Active at once, when it is in the past.
	// +optional
	StartedAt Date `json:"startedAt,omitempty"`
	// approvals given elsewhere.
	// +optional
	// +listType=map
	// +listMapKey=gate
	// +kubebuilder:validation:MaxItems=8
	Approvals []CheckpointApproval `json:"approvals,omitempty"`
}

// CheckpointApproval is an approval given elsewhere.
type CheckpointApproval struct {
	// gate that was approved.
	// +required
	Gate Name `json:"gate,omitempty"`
	// by names who approved.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
	// at is when.
	// +optional
	At Date `json:"at,omitempty"`
}

// PhaseState is the stored state of a phase.
type PhaseState string

const (
	// PhaseWaiting has not started.
	PhaseWaiting PhaseState = "Waiting"
	// PhaseActive has started, its targets are not met.
	PhaseActive PhaseState = "Active"
	// PhaseHolding has its targets met, not yet for long enough or not approved.
	PhaseHolding PhaseState = "Holding"
	// PhaseAchieved is done, and keeps being measured.
	PhaseAchieved PhaseState = "Achieved"
	// PhaseRegressed was achieved and has fallen back.
	PhaseRegressed PhaseState = "Regressed"
)

// PhaseStatus is what the operator knows of a phase.
type PhaseStatus struct {
	// observedGeneration is the generation that this status is about.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration"`
	// state is Waiting, Active, Holding, Achieved or Regressed.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	State PhaseState `json:"state,omitempty"`
	// since is when the state was entered.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// startedAt is when this attempt started.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// achievedAt is when this attempt was achieved.
	// +optional
	AchievedAt *metav1.Time `json:"achievedAt,omitempty"`
	// attempt counts from 1; a reopened phase begins the next.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Attempt int32 `json:"attempt,omitempty"`
	// health is the first that applies of Unknown, Regressed, Blocked, Delayed,
	// AtRisk, OnTrack.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Health string `json:"health,omitempty"`
	// summary says what is needed next, in one sentence.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Summary string `json:"summary,omitempty"`
	// met is targets met of all, "1/2".
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Met string `json:"met,omitempty"`
	// value of the first target that is not met, or of the first.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Value string `json:"value,omitempty"`
	// needs is what that target asks for, ">= 80%".
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Needs string `json:"needs,omitempty"`
	// due is the day by which the phase should be achieved, in the program's time zone.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Due string `json:"due,omitempty"`
	// waitsFor names what keeps the phase from moving: phases, gates, dates, barriers.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	WaitsFor string `json:"waitsFor,omitempty"`
	// valuesAt is when the values of this status were last written.
	// +optional
	ValuesAt *metav1.Time `json:"valuesAt,omitempty"`
	// measuredAt is when every target was last measured. It is written with other changes,
	// an outage among them: while measurements come and change nothing it stays. An older
	// measurement is not decided on any more.
	// +optional
	MeasuredAt *metav1.Time `json:"measuredAt,omitempty"`
	// order is the phase's place in the program, 01 for the first: sort by it.
	// +optional
	// +kubebuilder:validation:MaxLength=4
	Order string `json:"order,omitempty"`
	// targets are the verdicts, one entry a target.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Targets []TargetStatus `json:"targets,omitempty"`
	// targetsHash tells whether targets changed since they were judged.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TargetsHash string `json:"targetsHash,omitempty"`
	// hold is the run of checks while Holding.
	// +optional
	Hold *CheckWindow `json:"hold,omitempty"`
	// sustain is the run of checks beyond the margin, while Achieved, or within
	// the targets, while Regressed.
	// +optional
	Sustain *CheckWindow `json:"sustain,omitempty"`
	// approvals of gates, recorded once.
	// +optional
	// +listType=map
	// +listMapKey=gate
	// +kubebuilder:validation:MaxItems=16
	Approvals []Approval `json:"approvals,omitempty"`
	// transitions are the last ten changes of state.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Transitions []TransitionStatus `json:"transitions,omitempty"`
	// conditions: Ready and OnTrack always; Achieved, Sustained, TargetsMet and
	// Approved once they were True; Blocked, ClockJumped, Suspended, Reconciling
	// and Stalled only while True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// TargetStatus is the verdict on a target.
type TargetStatus struct {
	// metric of the target.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Metric string `json:"metric,omitempty"`
	// needs is what the target asks for, ">= 80% in each of 12 segments".
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Needs string `json:"needs,omitempty"`
	// value is what was measured: a value, or "7/12 segments".
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Value string `json:"value,omitempty"`
	// met is True, False or Unknown.
	// +required
	// +kubebuilder:validation:Enum=True;False;Unknown
	Met metav1.ConditionStatus `json:"met,omitempty"`
	// missing names up to ten segments that do not meet the target.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Missing []SegmentValue `json:"missing,omitempty"`
	// last is the newest known value, while the present one is unknown.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Last string `json:"last,omitempty"`
	// since is when the verdict became known or unknown.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// history of the value over the target's segments since the phase started, at
	// most 30 points: what a plateau is told from.
	// +optional
	// +kubebuilder:validation:MaxLength=1536
	History string `json:"history,omitempty"`
	// achievedValue is what was measured when the phase was achieved.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	AchievedValue string `json:"achievedValue,omitempty"`
	// achievedWith is the number of the active (rate) or of the new (share) when
	// the phase was achieved: fewer are needed for a regression.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	AchievedWith string `json:"achievedWith,omitempty"`
}

// Approval is the recorded approval of a gate.
type Approval struct {
	// gate that was approved.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Gate string `json:"gate,omitempty"`
	// by is who approved, as the annotation says.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
	// at is when the operator saw it, or the checkpoint's date.
	// +required
	At metav1.Time `json:"at,omitempty,omitzero"`
	// approvedFor holds short hashes of the targets, audience, hold and queries
	// that were approved; when they change the approval is spent.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ApprovedFor string `json:"approvedFor,omitempty"`
	// spent approvals count no more.
	// +optional
	Spent bool `json:"spent,omitempty"`
	// spentBecause says why, "it was for other targets".
	// +optional
	// +kubebuilder:validation:MaxLength=128
	SpentBecause string `json:"spentBecause,omitempty"`
}

// Phase is one stage of a program: audience, targets, hold, deadline, gates and
// dependencies. It moves from Waiting to Active to Holding to Achieved on fresh
// measurements only, and may fall back to Regressed.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ph,categories=uptake
// +kubebuilder:selectablefield:JSONPath=`.spec.programRef.name`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:selectablefield:JSONPath=`.status.health`
// +kubebuilder:printcolumn:name="Order",type=string,JSONPath=`.status.order`
// +kubebuilder:printcolumn:name="Program",type=string,JSONPath=`.spec.programRef.name`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Targets",type=string,JSONPath=`.status.met`
// +kubebuilder:printcolumn:name="Value",type=string,JSONPath=`.status.value`
// +kubebuilder:printcolumn:name="Needs",type=string,JSONPath=`.status.needs`
// +kubebuilder:printcolumn:name="Due",type=string,JSONPath=`.status.due`
// +kubebuilder:printcolumn:name="Health",type=string,JSONPath=`.status.health`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Since",type=string,JSONPath=`.status.since`,priority=1
// +kubebuilder:printcolumn:name="Measured",type=string,JSONPath=`.status.measuredAt`,priority=1
// +kubebuilder:printcolumn:name="Waits For",type=string,JSONPath=`.status.waitsFor`,priority=1
// +kubebuilder:printcolumn:name="Summary",type=string,JSONPath=`.status.summary`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Phase struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is written by people.
	// +required
	Spec PhaseSpec `json:"spec,omitempty,omitzero"`
	// status is written by the operator.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status PhaseStatus `json:"status,omitempty,omitzero"`
}

// PhaseList is a list of Phase.
// +kubebuilder:object:root=true
type PhaseList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Phase `json:"items"`
}
