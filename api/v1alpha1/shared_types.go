// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Duration is a length of time as Prometheus writes it: 90s, 15m, 12h, 7d, 2w,
// 1y, or several units together (1d12h). A day is 24 hours.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^(0|([0-9]{1,5}y)?([0-9]{1,6}w)?([0-9]{1,6}d)?([0-9]{1,7}h)?([0-9]{1,8}m)?([0-9]{1,10}s)?([0-9]{1,12}ms)?)$')",message="a duration is a number and a unit, largest unit first: 90s, 15m, 12h, 7d, 2w, 1y"
type Duration string

// Date is a day of the calendar ("2026-12-01", in the program's time zone: from the
// first moment of that date to where the next day begins; as an end it counts to
// its end) or a moment in RFC 3339 ("2026-12-01T08:00:00Z").
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=35
// +kubebuilder:validation:XValidation:rule="self.matches('^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?$')",message="a date is YYYY-MM-DD (a day in the program's time zone) or RFC 3339, such as 2026-12-01T08:00:00Z"
type Date string

// Number is a decimal in the unit of its metric's format: "12" or "0.5" for
// Number, "60%" for Percent, "4h" for Duration. That the unit fits the metric
// is checked by the operator, which says so in the object's Ready condition.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^(-?[0-9]+([.][0-9]+)?%?|([0-9]+(ms|y|w|d|h|m|s))+)$')",message="a value is a decimal (12, 0.5), a percentage that ends in % (60%), or a duration (4h)"
type Number string

// Percentage is a decimal that ends in %.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=16
// +kubebuilder:validation:XValidation:rule="self.matches('^(100([.]0+)?|[0-9]{1,2}([.][0-9]+)?)%$')",message="a percentage from 0% to 100%, with the % sign: \"90%\""
type Percentage string

// Name is the name of a metric, gate or named query.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",message="a name has letters, digits, '-', '_' and '.', and begins and ends with a letter or digit"
type Name string

// SegmentName is the name of a segment as systems write it: "Human Resources",
// "R&D", "group:default/platform".
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule="!self.matches(r'^\\pZ|\\pZ$|[\\pC\\p{Zl}\\p{Zp}\\x{2800}]')",message="a segment's name is text that people can see: no control or invisible characters, no line breaks, no space at its ends"
// +kubebuilder:validation:XValidation:rule="!self.matches(r'[\\x{34F}\\x{115F}\\x{1160}\\x{3164}\\x{FFA0}]')",message="a segment's name is text that people can see: no control or invisible characters, no line breaks, no space at its ends"
type SegmentName string

// ObjectName is the name of a Kubernetes object.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="an object's name has lower-case letters, digits, '-' and '.', and begins and ends with a letter or digit"
type ObjectName string

// LocalRef names an object of a known kind in the same namespace.
type LocalRef struct {
	// name of the object.
	// +required
	Name ObjectName `json:"name,omitempty"`
}

// TransitionStatus is one change of state, recorded in the same write that made it.
type TransitionStatus struct {
	// number counts an object's transitions from 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	Number int64 `json:"number,omitempty"`
	// from is the state left; empty for the first.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	From string `json:"from,omitempty"`
	// to is the state entered.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	To string `json:"to,omitempty"`
	// reason is the CamelCase reason, also that of the event.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Reason string `json:"reason,omitempty"`
	// message is what the event says.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// time of the transition.
	// +required
	Time metav1.Time `json:"time,omitempty,omitzero"`
}

// CheckWindow is a run of checks: the first fresh measurement in each bucket of
// time is the check of that bucket. A bucket without one is not counted.
type CheckWindow struct {
	// since is when the run began; buckets are counted from here.
	// +required
	Since metav1.Time `json:"since,omitempty,omitzero"`
	// through is the end of the last bucket that has its check; a measurement
	// before it records nothing.
	// +required
	Through metav1.Time `json:"through,omitempty,omitzero"`
	// entered is the date of the row with which the run began, where people enter
	// numbers with their dates.
	// +optional
	Entered *metav1.Time `json:"entered,omitempty"`
	// checks has one character for each check, oldest first: M is met, x is a miss.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Checks string `json:"checks,omitempty"`
}
