// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AdoptionProgramSpec says what is being adopted, by whom, what is measured and
// who is accountable.
//
// +kubebuilder:validation:XValidation:rule="!has(self.segmentsFrom) || self.segmentsFrom != 'Population' || has(self.population) && has(self.population.query)",message="segmentsFrom: Population needs population.query: that is where the segments are discovered",fieldPath=".segmentsFrom"
// +kubebuilder:validation:XValidation:rule="!has(self.segmentBy) || has(self.segmentsFrom) && self.segmentsFrom == 'Population' || has(self.segments)",message="segmentBy needs segments: list them, or set segmentsFrom: Population to discover them",fieldPath=".segmentBy"
// +kubebuilder:validation:XValidation:rule="has(self.population) || !self.metrics.exists(m, has(m.rate))",message="a metric with rate needs population: active is divided by it",fieldPath=".population"
// +kubebuilder:validation:XValidation:rule="!has(self.headlineMetric) || self.metrics.exists(m, m.name == self.headlineMetric)",message="headlineMetric is not the name of one of the metrics",fieldPath=".headlineMetric"
type AdoptionProgramSpec struct {
	// objective is what will be true when adoption is complete, in one sentence.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Objective string `json:"objective,omitempty"`
	// links for the people who are to adopt: demos, guides, channels.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Links []Link `json:"links,omitempty"`
	// accountability names who answers for the program.
	// +optional
	Accountability *Accountability `json:"accountability,omitempty"`
	// timeZone in which dates without a time begin, an IANA name; default: UTC.
	// +optional
	// +kubebuilder:default=UTC
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	TimeZone string `json:"timeZone,omitempty"`
	// interval between two polls of queries without a source (objects, configMap).
	// +optional
	// +kubebuilder:default="5m"
	Interval Duration `json:"interval,omitempty"`
	// serviceAccountName is the account, in this namespace, whose rights decide
	// what objects queries may count. To name another than default needs the verb
	// use on that account.
	// +optional
	// +kubebuilder:default=default
	ServiceAccountName ObjectName `json:"serviceAccountName,omitempty"`
	// sourceRef is the source of queries that name none.
	// +optional
	SourceRef *SourceRef `json:"sourceRef,omitempty"`
	// population is who is eligible: the denominator of every rate.
	// +optional
	Population *Population `json:"population,omitempty"`
	// segmentBy divides answers into segments, unless a query has its own.
	// +optional
	SegmentBy *SegmentBy `json:"segmentBy,omitempty"`
	// segmentsFrom: Declared takes the listed segments and no others; Population
	// discovers them in the population query's answer (at most 5,000); default: Declared.
	// +optional
	// +kubebuilder:default=Declared
	SegmentsFrom SegmentsFrom `json:"segmentsFrom,omitempty"`
	// segmentDefaults apply to every segment.
	// +optional
	SegmentDefaults *SegmentDefaults `json:"segmentDefaults,omitempty"`
	// segments: all of them (Declared), or only what differs from the defaults.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=100
	Segments []Segment `json:"segments,omitempty"`
	// minGroupSize: a segment with fewer eligible than this shows no number; default: 0, off.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	MinGroupSize *int32 `json:"minGroupSize,omitempty"`
	// headlineMetric is shown as the program's adoption; default: the first.
	// +optional
	HeadlineMetric Name `json:"headlineMetric,omitempty"`
	// metrics are what is measured.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=24
	Metrics []Metric `json:"metrics,omitempty"`
	// freezes are periods in which no phase starts or is achieved. Time in them
	// counts for holds, and not for maxDuration.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Freezes []Freeze `json:"freezes,omitempty"`
	// reviewEvery asks for a review of the program; default: never.
	// +optional
	ReviewEvery Duration `json:"reviewEvery,omitempty"`
	// reviewedAt is the date of the last review; default: when the program was created.
	// +optional
	ReviewedAt Date `json:"reviewedAt,omitempty"`
	// reviewedBy names who made the last review.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	ReviewedBy string `json:"reviewedBy,omitempty"`
	// suspend stops every transition of the program's phases; measuring goes on.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// Link is an address for people.
type Link struct {
	// type of the link, such as Demo, Guide, Support.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Type string `json:"type,omitempty"`
	// title of the link.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Title string `json:"title,omitempty"`
	// url of the link.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^(https?://|mailto:).')",message="an address for people begins with https://, http:// or mailto:"
	URL string `json:"url,omitempty"`
}

// Accountability names people or bodies who answer for a program.
type Accountability struct {
	// executiveSponsor decides what the team cannot.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ExecutiveSponsor string `json:"executiveSponsor,omitempty"`
	// programOwner runs the program, and owns the barriers that the operator opens.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ProgramOwner string `json:"programOwner,omitempty"`
	// escalateAfter is the default for the program's barriers.
	// +optional
	// +kubebuilder:default="14d"
	EscalateAfter Duration `json:"escalateAfter,omitempty"`
}

// Population is who is eligible. Exactly one of query and count is set.
//
// +kubebuilder:validation:XValidation:rule="has(self.query) != has(self.count)",message="population is exactly one of query and count"
type Population struct {
	// query gives the eligible, for each segment when it is segmented.
	// +optional
	Query *Query `json:"query,omitempty"`
	// count of the eligible.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	Count *int64 `json:"count,omitempty"`
}

// SegmentsFrom says where segments come from.
// +kubebuilder:validation:Enum=Declared;Population
type SegmentsFrom string

const (
	// SegmentsDeclared takes the listed segments and no others.
	SegmentsDeclared SegmentsFrom = "Declared"
	// SegmentsFromPopulation discovers segments in the population's answer.
	SegmentsFromPopulation SegmentsFrom = "Population"
)

// AdoptionMode says whether people of a segment have a choice.
// +kubebuilder:validation:Enum=Mandated;OptIn
type AdoptionMode string

const (
	// ModeMandated segments are required to adopt, and can be laggards.
	ModeMandated AdoptionMode = "Mandated"
	// ModeOptIn segments choose; they are measured but never called laggards.
	ModeOptIn AdoptionMode = "OptIn"
)

// SegmentDefaults apply to every segment that does not say otherwise.
type SegmentDefaults struct {
	// mode of the segments.
	// +optional
	// +kubebuilder:default=Mandated
	Mode AdoptionMode `json:"mode,omitempty"`
}

// Segment is a part of the population: a team, a site, a profession.
type Segment struct {
	// name, as it appears in the answers.
	// +required
	Name SegmentName `json:"name,omitempty"`
	// aliases are other names under which answers have it, such as the one before
	// it was renamed. No two segments share a name or an alias.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	Aliases []SegmentName `json:"aliases,omitempty"`
	// mode; default: that of segmentDefaults.
	// +optional
	Mode AdoptionMode `json:"mode,omitempty"`
	// exemptions are taken off the eligible of every rate.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Exemptions []Exemption `json:"exemptions,omitempty"`
}

// Exemption takes a number of the eligible out of the count, with a reason.
type Exemption struct {
	// count of the exempt.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	Count int64 `json:"count,omitempty"`
	// reason for the exemption.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`
	// approvedBy names who decided.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ApprovedBy string `json:"approvedBy,omitempty"`
	// expires ends the exemption; default: never.
	// +optional
	Expires Date `json:"expires,omitempty"`
}

// Dimension says which side of adoption a metric shows.
// +kubebuilder:validation:Enum=Reach;Frequency;Depth;Breadth;Quality;Conformance;Retention;Satisfaction;RouteShare;Value
type Dimension string

// Direction says which way is better.
// +kubebuilder:validation:Enum=Increase;Decrease
type Direction string

const (
	// DirectionIncrease is for metrics that should rise.
	DirectionIncrease Direction = "Increase"
	// DirectionDecrease is for metrics that should fall.
	DirectionDecrease Direction = "Decrease"
)

// Format is how a metric's values are written.
// +kubebuilder:validation:Enum=Number;Percent;Duration
type Format string

const (
	// FormatNumber is a plain decimal.
	FormatNumber Format = "Number"
	// FormatPercent is a percentage. A query that is not rate, ratio or share
	// answers with a fraction (0.41 is 41%), as Prometheus does; ConfigMap rows
	// end in %.
	FormatPercent Format = "Percent"
	// FormatDuration is a length of time; queries answer in seconds.
	FormatDuration Format = "Duration"
)

// OnEmpty says what an empty answer, or a row that went missing, means.
// +kubebuilder:validation:Enum=Unknown;Zero
type OnEmpty string

const (
	// OnEmptyUnknown takes it as unknown.
	OnEmptyUnknown OnEmpty = "Unknown"
	// OnEmptyZero takes it as zero.
	OnEmptyZero OnEmpty = "Zero"
)

// Aggregation is how values of segments become one.
// +kubebuilder:validation:Enum=Sum;Mean;WeightedMean;Min;Max
type Aggregation string

const (
	// AggregationSum adds up: for counts.
	AggregationSum Aggregation = "Sum"
	// AggregationMean gives every segment the same weight.
	AggregationMean Aggregation = "Mean"
	// AggregationWeightedMean weighs segments by their eligible.
	AggregationWeightedMean Aggregation = "WeightedMean"
	// AggregationMin is the smallest value of a segment.
	AggregationMin Aggregation = "Min"
	// AggregationMax is the largest value of a segment.
	AggregationMax Aggregation = "Max"
)

// The dimensions of adoption.
const (
	// DimensionReach is how many use it: counts, and shares of those who could.
	DimensionReach Dimension = "Reach"
	// DimensionFrequency is how often it is used.
	DimensionFrequency Dimension = "Frequency"
	// DimensionDepth is how much is done with it.
	DimensionDepth Dimension = "Depth"
	// DimensionBreadth is how much of what is offered is used.
	DimensionBreadth Dimension = "Breadth"
	// DimensionQuality is how much of what is produced is valid.
	DimensionQuality Dimension = "Quality"
	// DimensionConformance is how much is used as designed.
	DimensionConformance Dimension = "Conformance"
	// DimensionRetention is how many stay.
	DimensionRetention Dimension = "Retention"
	// DimensionSatisfaction is what people think of it.
	DimensionSatisfaction Dimension = "Satisfaction"
	// DimensionRouteShare is the new route against the old one.
	DimensionRouteShare Dimension = "RouteShare"
	// DimensionValue is what it is worth.
	DimensionValue Dimension = "Value"
)

// Metric is one thing that is measured. Exactly one of query, rate, ratio and
// share is set.
//
// +kubebuilder:validation:XValidation:rule="(has(self.query)?1:0)+(has(self.rate)?1:0)+(has(self.ratio)?1:0)+(has(self.share)?1:0)==1",message="a metric is exactly one of query, rate, ratio and share"
// +kubebuilder:validation:XValidation:rule="!has(self.aggregation) || has(self.query)",message="aggregation is for query: rates, ratios and shares add up their parts",fieldPath=".aggregation"
// +kubebuilder:validation:XValidation:rule="!has(self.aggregation) || self.aggregation != 'Sum' || self.dimension != 'Satisfaction' && (!has(self.format) || self.format == 'Number')",message="scores, percentages and durations are never added up: use Mean, WeightedMean, Min or Max",fieldPath=".aggregation"
// +kubebuilder:validation:XValidation:rule="!has(self.format) || self.format == 'Percent' || !(has(self.rate) || has(self.share))",message="rate and share are always percentages: leave format out"
// +kubebuilder:validation:XValidation:rule="!(has(self.onEmpty) && self.onEmpty == 'Zero' && (has(self.share) || has(self.direction) && self.direction == 'Decrease')) || has(self.heartbeat)",message="onEmpty: Zero on a share, or on a metric that should decrease, needs heartbeat: a dead exporter would look like perfection"
// +kubebuilder:validation:XValidation:rule="!has(self.baseline) || self.baseline.value.endsWith('%') == (has(self.rate) || has(self.share) || (has(self.format) ? self.format == 'Percent' : has(self.ratio)))",message="baseline.value ends in % exactly when the metric is a percentage: write 2% for rate, ratio, share or format: Percent, 2 otherwise"
type Metric struct {
	// name of the metric.
	// +required
	Name Name `json:"name,omitempty"`
	// dimension of adoption that it shows: Reach how many use it, Frequency how often,
	// Depth how much, Breadth how much of what there is, RouteShare which way; the others
	// are what their names say. Percentages of Reach, Breadth, Quality, Conformance,
	// Retention, Satisfaction and RouteShare cannot pass 100 %; plain numbers are added
	// up over segments in Reach and RouteShare only, elsewhere see aggregation.
	// +required
	Dimension Dimension `json:"dimension,omitempty"`
	// direction that is better; default: Increase.
	// +optional
	Direction Direction `json:"direction,omitempty"`
	// format; default: Percent for rate, ratio and share, Number for query.
	// +optional
	Format Format `json:"format,omitempty"`
	// query gives the value itself.
	// +optional
	Query *Query `json:"query,omitempty"`
	// aggregation makes one value of a query's values for segments; default: Sum for
	// numbers in the dimensions Reach and RouteShare, WeightedMean for percentages and
	// durations. Other numbers have no whole without it.
	// +optional
	Aggregation Aggregation `json:"aggregation,omitempty"`
	// rate divides the active by the population less exemptions.
	// +optional
	Rate *Rate `json:"rate,omitempty"`
	// ratio has a denominator of its own; exemptions do not apply.
	// +optional
	Ratio *Ratio `json:"ratio,omitempty"`
	// share is new / (new + legacy), the share of the new route.
	// +optional
	Share *Share `json:"share,omitempty"`
	// heartbeat is a query whose answer must be positive, or the metric is
	// unknown: proof that whatever reports the metric is running.
	// +optional
	Heartbeat *Query `json:"heartbeat,omitempty"`
	// baseline before the program; default: the first measured value.
	// +optional
	Baseline *Baseline `json:"baseline,omitempty"`
	// smooth takes the value over a longer time.
	// +optional
	Smooth *Smooth `json:"smooth,omitempty"`
	// onEmpty says what an empty answer means, or a row that was there before
	// and is missing: Unknown or Zero; default: Unknown.
	// +optional
	OnEmpty OnEmpty `json:"onEmpty,omitempty"`
	// staleAfter: an older measurement is unknown; default: the longer of three
	// intervals and 1h. A ConfigMap row is good for 120d from its date.
	// +optional
	StaleAfter Duration `json:"staleAfter,omitempty"`
	// sampleEvery is the distance of the points of status.metrics[].history;
	// default: 1d.
	// +optional
	SampleEvery Duration `json:"sampleEvery,omitempty"`
}

// Rate is an adoption rate: active / (eligible - exempt).
type Rate struct {
	// active counts those who have adopted.
	// +required
	Active Query `json:"active,omitempty,omitzero"`
}

// Ratio is numerator / denominator.
type Ratio struct {
	// numerator of the ratio.
	// +required
	Numerator Query `json:"numerator,omitempty,omitzero"`
	// denominator of the ratio.
	// +required
	Denominator Query `json:"denominator,omitempty,omitzero"`
}

// Share is a route share: new / (new + legacy).
type Share struct {
	// new counts what goes the new way.
	// +required
	New Query `json:"new,omitempty,omitzero"`
	// legacy counts what still goes the old way.
	// +required
	Legacy Query `json:"legacy,omitempty,omitzero"`
}

// Baseline is a value before the program.
type Baseline struct {
	// value in the metric's format.
	// +required
	Value Number `json:"value,omitempty"`
	// at is when it was measured.
	// +optional
	At Date `json:"at,omitempty"`
}

// SmoothFunction is how samples become one value.
// +kubebuilder:validation:Enum=Mean;Min;Max;Median
type SmoothFunction string

const (
	// SmoothMean of a rate, ratio or share is the ratio of the sums.
	SmoothMean SmoothFunction = "Mean"
	// SmoothMin is the smallest sample.
	SmoothMin SmoothFunction = "Min"
	// SmoothMax is the largest sample.
	SmoothMax SmoothFunction = "Max"
	// SmoothMedian is the middle sample.
	SmoothMedian SmoothFunction = "Median"
)

// Smooth takes seven samples spread over a time. The value is unknown until
// half of them are there. For programs with at most 100 segments.
type Smooth struct {
	// over is the length of time.
	// +required
	Over Duration `json:"over,omitempty"`
	// function that makes one value of the samples; default: Mean.
	// +optional
	Function SmoothFunction `json:"function,omitempty"`
}

// Freeze is a period without starts and achievements.
type Freeze struct {
	// from is the first moment of the freeze.
	// +required
	From Date `json:"from,omitempty"`
	// to is the end; a day counts to its end.
	// +required
	To Date `json:"to,omitempty"`
	// reason for the freeze.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason,omitempty"`
	// quiet: measurements in the freeze judge nothing (no regression, plateau or
	// laggard), because people are away.
	// +optional
	Quiet *bool `json:"quiet,omitempty"`
}

// AdoptionProgramStatus is what the operator knows of a program.
type AdoptionProgramStatus struct {
	// observedGeneration is the generation that this status is about.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration int64 `json:"observedGeneration"`
	// state is Planned, Active or Sustaining. It is derived from the phases and
	// never final: after the last phase the program keeps being measured.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	State string `json:"state,omitempty"`
	// health is the first that applies of Unknown, Regressed, Blocked, Delayed,
	// AtRisk, OnTrack.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Health string `json:"health,omitempty"`
	// summary says what is needed next, in one sentence.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Summary string `json:"summary,omitempty"`
	// adoption is the value of the headline metric.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Adoption string `json:"adoption,omitempty"`
	// trend of the headline metric over its recent history: Up, Flat or Down.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Trend string `json:"trend,omitempty"`
	// current phase: the first that is started and not achieved.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Current string `json:"current,omitempty"`
	// progress is phases achieved of all, "2/5".
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Progress string `json:"progress,omitempty"`
	// valuesAt is when the values of this status were last written. Values that
	// move without changing a verdict are written at most every ten minutes.
	// +optional
	ValuesAt *metav1.Time `json:"valuesAt,omitempty"`
	// measuredAt is when the headline metric was last measured. It is written with other
	// changes, an outage among them: while measurements come and change nothing it stays.
	// An older measurement is not decided on any more.
	// +optional
	MeasuredAt *metav1.Time `json:"measuredAt,omitempty"`
	// barriers counts the program's barriers.
	// +optional
	Barriers *BarrierCounts `json:"barriers,omitempty"`
	// population is who is eligible.
	// +optional
	Population *PopulationStatus `json:"population,omitempty"`
	// metrics are the values, one entry a metric.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=24
	Metrics []MetricStatus `json:"metrics,omitempty"`
	// transitions are the last ten changes of state.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Transitions []TransitionStatus `json:"transitions,omitempty"`
	// conditions: Ready, SourcesHealthy, OnTrack and Accountable always;
	// ExemptionsEnd, ReviewDue, Suspended, Reconciling and Stalled only while True.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// BarrierCounts counts the barriers of a program.
type BarrierCounts struct {
	// open barriers, the escalated included.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Open int32 `json:"open"`
	// blocking are those open that keep a phase from starting or finishing.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Blocking int32 `json:"blocking"`
	// escalated are those open that are with the executive sponsor.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Escalated int32 `json:"escalated"`
}

// PopulationStatus is who is eligible.
type PopulationStatus struct {
	// eligible in all segments, before exemptions.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Eligible string `json:"eligible,omitempty"`
	// exempt in all segments.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Exempt string `json:"exempt,omitempty"`
	// segments that have somebody eligible.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Segments int32 `json:"segments,omitempty"`
	// notApplicable lists segments with nobody eligible (up to ten).
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MaxLength=128
	NotApplicable []string `json:"notApplicable,omitempty"`
	// unmatched is how many of the answer belong to no known segment.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Unmatched string `json:"unmatched,omitempty"`
	// unmatchedNames are up to five names that are those of no segment.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	// +kubebuilder:validation:items:MaxLength=128
	UnmatchedNames []string `json:"unmatchedNames,omitempty"`
	// droppedAt is when the eligible were first seen to be more than 20% fewer,
	// or a segment to be missing; believed after the headline metric's sampleEvery.
	// +optional
	DroppedAt *metav1.Time `json:"droppedAt,omitempty"`
	// seen holds short hashes of the segments that an incomplete source had, so
	// that one that goes missing is noticed over a restart.
	// +optional
	// +kubebuilder:validation:MaxLength=32768
	Seen string `json:"seen,omitempty"`
}

// MetricStatus is what is known of a metric.
type MetricStatus struct {
	// name of the metric.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`
	// value over all segments, rounded; decisions use the exact value. The last
	// good value while the metric is unknown.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Value string `json:"value,omitempty"`
	// mandated is the value over mandated segments, when there are opt-in ones too.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Mandated string `json:"mandated,omitempty"`
	// optIn is the value over opt-in segments, when there are mandated ones too.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	OptIn string `json:"optIn,omitempty"`
	// numerator of rate, ratio or share.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Numerator string `json:"numerator,omitempty"`
	// denominator of rate, ratio or share, less exemptions.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Denominator string `json:"denominator,omitempty"`
	// exempt taken off the denominator.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Exempt string `json:"exempt,omitempty"`
	// unknown says why there is no fresh value; empty while there is one.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Unknown string `json:"unknown,omitempty"`
	// since is when the value became known or unknown.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// trend over the recent history: Up, Flat or Down.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Trend string `json:"trend,omitempty"`
	// baseline is the value at the start.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Baseline string `json:"baseline,omitempty"`
	// moved says from what to what the value moved between the last two points of the
	// history, and why: people, population, exemptions, sources.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Moved string `json:"moved,omitempty"`
	// sampled is what the newest point of the history was made of.
	// +optional
	Sampled *SampledStatus `json:"sampled,omitempty"`
	// laggards are up to ten mandated segments, furthest behind first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Laggards []SegmentValue `json:"laggards,omitempty"`
	// unmatched is how much of the answer belongs to no known segment.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Unmatched string `json:"unmatched,omitempty"`
	// unmatchedNames are up to five names that are those of no segment.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	// +kubebuilder:validation:items:MaxLength=128
	UnmatchedNames []string `json:"unmatchedNames,omitempty"`
	// fall is what the last believed value was, of a metric that should decrease.
	// +optional
	Fall *FallStatus `json:"fall,omitempty"`
	// suppressed counts segments smaller than minGroupSize, whose numbers are not shown.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Suppressed int32 `json:"suppressed,omitempty"`
	// history of the value, "2026-11-20=41.3% 2026-11-21=41.9%", at most 60 points,
	// thinned towards the past.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	History string `json:"history,omitempty"`
	// samples of a smoothed metric, for the next smoothed value.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Samples []Sample `json:"samples,omitempty"`
	// seen holds short hashes of the segments that had a row, so that one that
	// goes missing is noticed over a restart.
	// +optional
	// +kubebuilder:validation:MaxLength=32768
	Seen string `json:"seen,omitempty"`
}

// SampledStatus is what a point of the history was made of, to tell why the next differs.
type SampledStatus struct {
	// at is when it was measured.
	// +required
	At metav1.Time `json:"at,omitempty,omitzero"`
	// value as it was shown.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Value string `json:"value,omitempty"`
	// parts are numerator, denominator before exemptions, and exempt.
	// +optional
	// +kubebuilder:validation:MaxLength=96
	Parts string `json:"parts,omitempty"`
	// sources that were added up.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Sources int32 `json:"sources,omitempty"`
}

// FallStatus remembers the last believed value of what should decrease (the old route of a share among it), so
// that a fall that is too good to be true has to last for a sampleEvery.
type FallStatus struct {
	// believed are the last believed values of the whole (the empty name) and of each
	// segment by a short hash of its name, "=250@1793577600": the value, when it was, and
	// behind a "!" since when it has fallen.
	// +optional
	// +kubebuilder:validation:MaxLength=24576
	Believed string `json:"believed,omitempty"`
	// since is when the value fell to nothing, or by more than half.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
}

// SegmentValue is the value of a segment.
type SegmentValue struct {
	// name of the segment.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`
	// value, rounded.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Value string `json:"value,omitempty"`
	// numbers behind it, "12/40".
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Numbers string `json:"numbers,omitempty"`
}

// Sample is one measurement of a smoothed metric.
type Sample struct {
	// time of the measurement.
	// +required
	Time metav1.Time `json:"time,omitempty,omitzero"`
	// values of the whole (the empty name) and of each segment by a short hash of
	// its name, "=12/40 yX2_k=3/9".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Values string `json:"values,omitempty"`
}

// AdoptionProgram is a technology-adoption program: what is being adopted, by
// whom, what is measured, who is accountable. Its stages are Phases, its
// obstacles Barriers, in the same namespace. The simplest useful program is one
// AdoptionProgram and one Phase.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ap,categories=uptake
// +kubebuilder:selectablefield:JSONPath=`.status.health`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Adoption",type=string,JSONPath=`.status.adoption`
// +kubebuilder:printcolumn:name="Current",type=string,JSONPath=`.status.current`
// +kubebuilder:printcolumn:name="Progress",type=string,JSONPath=`.status.progress`
// +kubebuilder:printcolumn:name="Health",type=string,JSONPath=`.status.health`
// +kubebuilder:printcolumn:name="Barriers",type=integer,JSONPath=`.status.barriers.open`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`,priority=1
// +kubebuilder:printcolumn:name="Trend",type=string,JSONPath=`.status.trend`,priority=1
// +kubebuilder:printcolumn:name="Measured",type=string,JSONPath=`.status.measuredAt`,priority=1
// +kubebuilder:printcolumn:name="Sponsor",type=string,JSONPath=`.spec.accountability.executiveSponsor`,priority=1
// +kubebuilder:printcolumn:name="Summary",type=string,JSONPath=`.status.summary`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AdoptionProgram struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`
	// spec is written by people.
	// +required
	Spec AdoptionProgramSpec `json:"spec,omitempty,omitzero"`
	// status is written by the operator.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status AdoptionProgramStatus `json:"status,omitempty,omitzero"`
}

// AdoptionProgramList is a list of AdoptionProgram.
// +kubebuilder:object:root=true
type AdoptionProgramList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AdoptionProgram `json:"items"`
}
