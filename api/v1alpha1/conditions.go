// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Every condition carries the generation it is about.
const (
	// ConditionReady is present on every object. For a program and a barrier it
	// is True when the operator can work with the object. For a phase it depends
	// on spec.reporting as well: with Gate it is True only once achieved.
	//
	// Reasons when True: Waiting, Active, Holding, Achieved, Regressed (phases);
	// Measuring (programs); Tracked (barriers); Polling, NotUsed (sources).
	// Reasons when False: those of Stalled and Reconciling; NotAchieved,
	// DeadlineMissed (phases with Gate); PollsFailing (sources).
	ConditionReady = "Ready"
	// ConditionReconciling is present only while True: a reference is not there
	// yet, or something is being retried. Reasons: ProgramNotFound,
	// DependencyNotFound, SegmentNotFound, SourceNotFound, PhaseNotFound,
	// NotServed, AccessDenied, PollsFailing, AwaitingData, SecretNotFound, SecretForbidden.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present only while True: the object's own spec cannot
	// work, and somebody has to change it. Reasons: InvalidSpec, InvalidQuery,
	// MetricNotFound, SegmentNotFound, DependencyCycle, TooMany, QueryNotFound,
	// SourceNotAllowed, DeadlineMissed (phases with Gate).
	ConditionStalled = "Stalled"
	// ConditionSourcesHealthy says whether a program's queries are answered; a
	// single failed poll does not change it. Reasons: Answering; AwaitingData;
	// QueryFailing.
	ConditionSourcesHealthy = "SourcesHealthy"
	// ConditionOnTrack says whether a program or phase goes as it should.
	// Reasons: OnTrack, DeadlineMissed, Regressed, BelowTarget, PopulationGrew,
	// Blocked, AtRisk, Unknown.
	ConditionOnTrack = "OnTrack"
	// ConditionAccountable says whether a program has people who answer for it.
	// Reasons: Named, NoSponsor, NoOwner, BarrierWithoutOwner.
	ConditionAccountable = "Accountable"
	// ConditionReviewDue is present only while True: the program should be
	// reviewed. Reason: ReviewDue.
	ConditionReviewDue = "ReviewDue"
	// ConditionExemptionsEnd is present only while True: exemptions end within 14 days,
	// or have ended within the last 7. Reasons: ExemptionsExpiring, ExemptionsExpired.
	ConditionExemptionsEnd = "ExemptionsEnd"
	// ConditionClockJumped is present only while True: the clock of the operator was set,
	// and the hold or another wait of a phase began anew. It goes when that is over.
	// Reason: ClockJumped.
	ConditionClockJumped = "ClockJumped"
	// ConditionSuspended is present only while True. Reasons: Suspended (the
	// object), ProgramSuspended.
	ConditionSuspended = "Suspended"
	// ConditionBlocked is present only while True: an open barrier keeps a phase
	// back. Reason: BarrierOpen.
	ConditionBlocked = "Blocked"
	// ConditionTargetsMet of a phase appears once targets were met. Reasons:
	// TargetsMet, TargetsMissed, Unknown.
	ConditionTargetsMet = "TargetsMet"
	// ConditionApproved of a phase with gates appears once all are approved.
	// Reasons: Approved, NotApproved.
	ConditionApproved = "Approved"
	// ConditionAchieved of a phase appears once it is achieved. Reasons:
	// Achieved, TargetsChanged, Reopened.
	ConditionAchieved = "Achieved"
	// ConditionSustained of a phase with sustain appears once it is achieved.
	// Reasons: Sustained, Regressed, Unknown, Quiet.
	ConditionSustained = "Sustained"
)

// Reasons of transitions, conditions and events.
const (
	// ReasonStarted: everything the phase waited for is there.
	ReasonStarted = "Started"
	// ReasonTargetsMet: a fresh measurement met every target.
	ReasonTargetsMet = "TargetsMet"
	// ReasonTargetsMissed: more checks of the hold missed than allowed.
	ReasonTargetsMissed = "TargetsMissed"
	// ReasonTargetsChanged: the spec's targets changed.
	ReasonTargetsChanged = "TargetsChanged"
	// ReasonAchieved: the targets were met for the whole hold.
	ReasonAchieved = "Achieved"
	// ReasonCheckpoint: progress was taken over from spec.checkpoint.
	ReasonCheckpoint = "CheckpointHonoured"
	// ReasonRegressed: every check of sustain.for was beyond target and margin.
	ReasonRegressed = "Regressed"
	// ReasonRecovered: every check of sustain.for met the targets again.
	ReasonRecovered = "Recovered"
	// ReasonReopened: a regression began the next attempt.
	ReasonReopened = "Reopened"
	// ReasonNotAchieved: a phase with reporting Gate is on its way.
	ReasonNotAchieved = "NotAchieved"

	// ReasonWatching: the barrier is watched for.
	ReasonWatching = "Watching"
	// ReasonReported: people reported the barrier.
	ReasonReported = "Reported"
	// ReasonDetected: measurements show the barrier.
	ReasonDetected = "Detected"
	// ReasonEscalated: the barrier went to the executive sponsor.
	ReasonEscalated = "Escalated"
	// ReasonCleared: measurements show that the barrier is gone.
	ReasonCleared = "Cleared"
	// ReasonResolvedByPeople: people said that the barrier is gone.
	ReasonResolvedByPeople = "ResolvedByPeople"
	// ReasonAcceptedByPeople: people decided to live with the barrier.
	ReasonAcceptedByPeople = "AcceptedByPeople"
	// ReasonAcceptanceEnded: the acceptance is over or was withdrawn.
	ReasonAcceptanceEnded = "AcceptanceEnded"
	// ReasonResolutionWithdrawn: people took the resolution back.
	ReasonResolutionWithdrawn = "ResolutionWithdrawn"
	// ReasonStillDetected: people resolved it and measurements still show it.
	ReasonStillDetected = "StillDetected"
	// ReasonTracked: the operator follows the barrier.
	ReasonTracked = "Tracked"

	// ReasonProgramStarted: the first phase of the program started.
	ReasonProgramStarted = "ProgramStarted"
	// ReasonAllPhasesAchieved: the program keeps being measured.
	ReasonAllPhasesAchieved = "AllPhasesAchieved"
	// ReasonPhasesOutstanding: a phase was added or lost after all were achieved.
	ReasonPhasesOutstanding = "PhasesOutstanding"
	// ReasonPlanned: no phase has started.
	ReasonPlanned = "Planned"
	// ReasonMeasuring: the program is measured.
	ReasonMeasuring = "Measuring"

	// ReasonInvalidSpec: a field of the spec cannot work; the message names it.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonInvalidQuery: a query cannot work as written.
	ReasonInvalidQuery = "InvalidQuery"
	// ReasonMetricNotFound: the program has no such metric.
	ReasonMetricNotFound = "MetricNotFound"
	// ReasonSegmentNotFound: the program has no such segment.
	ReasonSegmentNotFound = "SegmentNotFound"
	// ReasonPhaseNotFound: the program has no such phase.
	ReasonPhaseNotFound = "PhaseNotFound"
	// ReasonProgramNotFound: there is no such program in the namespace.
	ReasonProgramNotFound = "ProgramNotFound"
	// ReasonDependencyNotFound: the program has no such phase.
	ReasonDependencyNotFound = "DependencyNotFound"
	// ReasonDependencyCycle: phases wait for each other.
	ReasonDependencyCycle = "DependencyCycle"
	// ReasonTooMany: the program has more phases or barriers than are served.
	ReasonTooMany = "TooMany"
	// ReasonSourceNotFound: there is no such source.
	ReasonSourceNotFound = "SourceNotFound"
	// ReasonSourceNotAllowed: the source is not for this namespace or query.
	ReasonSourceNotAllowed = "SourceNotAllowed"
	// ReasonQueryNotFound: the source has no such named query.
	ReasonQueryNotFound = "QueryNotFound"

	// ReasonNotServed: the kind, ConfigMap or key that is asked for is not there.
	ReasonNotServed = "NotServed"
	// ReasonAccessDenied: the service account may not list what is counted.
	ReasonAccessDenied = "AccessDenied"

	// ReasonAnswering: every query is answered.
	ReasonAnswering = "Answering"
	// ReasonAwaitingData: the first answers are not there yet.
	ReasonAwaitingData = "AwaitingData"
	// ReasonQueryFailing: a query fails or its answer cannot be used.
	ReasonQueryFailing = "QueryFailing"

	// ReasonOnTrack: nothing is wrong.
	ReasonOnTrack = "OnTrack"
	// ReasonDeadlineMissed: the deadline passed before the phase was achieved.
	ReasonDeadlineMissed = "DeadlineMissed"
	// ReasonBelowTarget: an achieved phase is below its targets, not yet a regression.
	ReasonBelowTarget = "BelowTarget"
	// ReasonPopulationGrew: a rate fell because the eligible grew, not because
	// anybody stopped.
	ReasonPopulationGrew = "PopulationGrew"
	// ReasonBlocked: a barrier keeps the phase back.
	ReasonBlocked = "Blocked"
	// ReasonAtRisk: the time left is shorter than the hold still needs, or a
	// major barrier is open.
	ReasonAtRisk = "AtRisk"
	// ReasonUnknown: measurements are missing.
	ReasonUnknown = "Unknown"
	// ReasonNotJudged: a mistake that another condition tells keeps the phase from
	// being judged, or it has not been judged yet.
	ReasonNotJudged = "NotJudged"
	// ReasonQuiet: measurements judge nothing in a quiet freeze.
	ReasonQuiet = "Quiet"
	// ReasonSustained: an achieved phase is still within its targets.
	ReasonSustained = "Sustained"

	// ReasonNamed: sponsor and owner are named.
	ReasonNamed = "Named"
	// ReasonNoSponsor: no executive sponsor is named.
	ReasonNoSponsor = "NoSponsor"
	// ReasonNoOwner: no program owner is named.
	ReasonNoOwner = "NoOwner"
	// ReasonBarrierWithoutOwner: an open barrier has no owner.
	ReasonBarrierWithoutOwner = "BarrierWithoutOwner"
	// ReasonReviewDue: the program should be reviewed.
	ReasonReviewDue = "ReviewDue"
	// ReasonExemptionsExpiring: exemptions end within 14 days.
	ReasonExemptionsExpiring = "ExemptionsExpiring"
	// ReasonExemptionsExpired: exemptions have ended, and those count as eligible again.
	ReasonExemptionsExpired = "ExemptionsExpired"
	// ReasonQuarantined: the operator failed on the object because of a bug in it, and
	// leaves it alone for a while.
	ReasonQuarantined = "Quarantined"
	// ReasonClockJumped: times from before the clock was set cannot be compared with now.
	ReasonClockJumped = "ClockJumped"
	// ReasonOverdue: the operator has more to do than it can, and does not get there.
	ReasonOverdue = "Overdue"
	// ReasonSuspended: spec.suspend is set.
	ReasonSuspended = "Suspended"
	// ReasonProgramSuspended: the program's spec.suspend is set.
	ReasonProgramSuspended = "ProgramSuspended"
	// ReasonBarrierOpen: a blocking barrier is open.
	ReasonBarrierOpen = "BarrierOpen"
	// ReasonApproved: every gate is approved.
	ReasonApproved = "Approved"
	// ReasonNotApproved: a gate was added after all were approved.
	ReasonNotApproved = "NotApproved"

	// ReasonPolling: the source answers.
	ReasonPolling = "Polling"
	// ReasonNotUsed: no program uses the source.
	ReasonNotUsed = "NotUsed"
	// ReasonPollsFailing: three polls in a row failed.
	ReasonPollsFailing = "PollsFailing"
	// ReasonAddressRefused: the source's address is one that no source may have.
	ReasonAddressRefused = "AddressRefused"
	// ReasonSecretForbidden: the operator may not read the Secret; the message
	// prints the Role to create.
	ReasonSecretForbidden = "SecretForbidden"
	// ReasonSecretNotFound: the Secret or ConfigMap is not there.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretNotLabelled: the Secret lacks the label that opts it in.
	ReasonSecretNotLabelled = "SecretNotLabelled"
	// ReasonSecretNotForHost: the Secret is bound to hosts, and the source is at another.
	ReasonSecretNotForHost = "SecretNotForHost"
	// ReasonKeyNotFound: the Secret or ConfigMap lacks the key, or it is empty.
	ReasonKeyNotFound = "KeyNotFound"
)

// Health of a phase or program: the first that applies, in this order.
const (
	// HealthUnknown: measurements are missing for longer than staleAfter, or a
	// mistake keeps a phase from being judged.
	HealthUnknown = "Unknown"
	// HealthRegressed: a phase that was achieved has fallen back.
	HealthRegressed = "Regressed"
	// HealthBlocked: a blocking barrier is open.
	HealthBlocked = "Blocked"
	// HealthDelayed: a deadline was missed.
	HealthDelayed = "Delayed"
	// HealthAtRisk: a deadline cannot be met any more, or a major barrier is open.
	HealthAtRisk = "AtRisk"
	// HealthOnTrack: nothing is wrong.
	HealthOnTrack = "OnTrack"
)

// State of a program, derived from its phases.
const (
	// ProgramPlanned: no phase has started.
	ProgramPlanned = "Planned"
	// ProgramActive: a phase has started, not all are achieved.
	ProgramActive = "Active"
	// ProgramSustaining: every phase is achieved; it keeps being measured.
	ProgramSustaining = "Sustaining"
)
