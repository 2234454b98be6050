// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is the API of Uptake, group uptake.dev: technology-adoption
// programs as Kubernetes resources.
//
// People own every spec. The operator writes status, events, and the Barriers
// that it opened itself; it never changes the spec of an object it did not
// create.
//
// # Units and spelling
//
// Numbers are decimal strings ("12", "0.5"); a percentage always ends in %
// ("60%"). Durations are written as Prometheus writes them ("90s", "7d", "2w").
// Dates are "2026-12-01", read in the program's time zone, or RFC 3339.
//
// +kubebuilder:object:generate=true
// +groupName=uptake.dev
package v1alpha1
