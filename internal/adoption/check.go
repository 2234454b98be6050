// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// What the schema cannot say is checked here and in the other check files: names
// of other objects, formats that depend on another field, calendars, and fields
// that contradict each other. Every finding names the field, what is wrong with
// it and what to write instead, and people are told all of them at once.

// datedField and lengthField are fields of one kind, to be checked in one way.
type datedField struct {
	path string
	date v1alpha1.Date
}

type lengthField struct {
	path  string
	value v1alpha1.Duration
}

// checkDates finds days that do not exist.
func (s *stepper) checkDates(f *findings, fields ...datedField) {
	for _, field := range fields {
		if field.date == "" {
			continue
		}
		if _, err := s.calendar.parse(field.date); err != nil {
			f.invalid(field.path, "%v", err)
		}
	}
}

// checkPast finds dates that are still to come, in fields that tell what has been.
func (s *stepper) checkPast(f *findings, kind SpecFindingKind, what string, fields ...datedField) {
	s.checkDates(f, fields...)
	for _, field := range fields {
		if from, ahead := s.calendar.ahead(field.date, s.now); field.date != "" && ahead {
			s.agenda.at(from)
			f.add(kind, v1alpha1.ReasonInvalidSpec, field.path, fmt.Sprintf("%s is in the future: write the day on which %s", field.date, what))
		}
	}
}

// checkLengths refuses what the schema's pattern lets through: numbers too large
// to be a duration, and zero where something has to pass.
func checkLengths(f *findings, zeroAllowed bool, fields ...lengthField) {
	for _, field := range fields {
		if field.value == "" {
			continue
		}
		v, err := ParseDuration(string(field.value))
		switch {
		case err != nil:
			f.invalid(field.path, "%v", err)
		case v < time.Second && (v != 0 || !zeroAllowed):
			f.invalid(field.path, "%q is shorter than the shortest that works, 1s", field.value)
		}
	}
}

// checkAudience finds segments that do not exist. Discovered segments may come
// later; until the population is known nothing is said.
func (s *stepper) checkAudience(f *findings, path string, names []v1alpha1.SegmentName) {
	discovered := s.program.Spec.SegmentsFrom == v1alpha1.SegmentsFromPopulation
	if discovered && (s.pop.source == nil || s.pop.source.At.IsZero()) {
		return
	}
	kind := FindingSpec
	if discovered {
		kind = FindingReference
	}
	for i, name := range names {
		if _, ok := s.pop.find(string(name)); ok {
			continue
		}
		message := notFound("segment", string(name), s.pop.names())
		if of := s.segmentWithAlias(name); of != "" {
			message = fmt.Sprintf("%q is an alias of segment %q: write %q", name, of, of)
		}
		f.add(kind, v1alpha1.ReasonSegmentNotFound, fmt.Sprintf("%s[%d]", path, i), message)
	}
}

func (s *stepper) segmentWithAlias(name v1alpha1.SegmentName) v1alpha1.SegmentName {
	for _, seg := range s.program.Spec.Segments {
		if slices.Contains(seg.Aliases, name) {
			return seg.Name
		}
	}
	return ""
}

// checkMetricName finds the reading that a field names.
func (s *stepper) checkMetricName(f *findings, kind SpecFindingKind, path string, name v1alpha1.Name, remedy string) (Reading, bool) {
	r, ok := s.readings[string(name)]
	if !ok {
		f.add(kind, v1alpha1.ReasonMetricNotFound, path, notFound("metric", string(name), s.metricNames())+remedy)
	}
	return r, ok
}

// programNotFound is what phases and barriers without a program are told.
func (s *stepper) programNotFound() *problem {
	var others []string
	if s.nearest != "" {
		others = []string{s.nearest}
	}
	message := "spec.programRef.name: " + notFound("AdoptionProgram", s.programName, others)
	return referenceProblem(v1alpha1.ReasonProgramNotFound, strings.Replace(message, ", and none with another name either", " in this namespace", 1))
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}
