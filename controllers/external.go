// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
	"github.com/uptake-dev/uptake/internal/poll"
	"github.com/uptake-dev/uptake/internal/source"
)

// external plans a query to one source or to several: written by the program, or
// by the source's administrator.
func (p *Planner) external(ctx context.Context, program *v1alpha1.AdoptionProgram, use adoption.QueryUse) plannedQuery {
	found, problem := p.sourcesOf(ctx, program, use.Query)
	if problem != nil {
		return plannedQuery{problem: problem}
	}
	by := use.SegmentBy(program)
	planned := plannedQuery{}
	bySource := by != nil && by.Source != ""
	if use.Query.SourceSelector != nil || bySource {
		planned.several = &addition{bySource: bySource, emptyIsZero: use.EmptyIsZero, alive: use.Alive}
	}
	if bySource {
		by = nil // each source answers with one number
	}
	for _, s := range found {
		if message := s.accessProblem(ctx, p.Cache, program.Namespace); message != "" {
			return unusable(v1alpha1.ReasonSourceNotAllowed, message)
		}
		question, problem := s.question(use.Query)
		if problem != nil {
			return plannedQuery{problem: problem}
		}
		question.SegmentBy = effectiveSegmentBy(by, use.Query, question)
		question.WithholdNames = use.Query.Named == nil && s.settings.SegmentNames != v1alpha1.SegmentNamesAny && names(question)
		if question.WithholdNames && !bySource && discovers(program, use) {
			return unusable(v1alpha1.ReasonSourceNotAllowed, s.key+" shows no names of segments to queries that programs write themselves, and segmentsFrom: Population needs them: "+s.wayToNames())
		}
		planned.parts = append(planned.parts, sourcePoll{name: s.name, poll: p.ofProgram(program, poll.Poll{
			// A source made anew under an old name, or with another address, is asked anew.
			Key: rendered(s.key, s.uid, s.generation, question), Source: s.limits(),
			Interval: intervalOf(s.settings.Interval), Requests: requestsOf(question), Ask: p.Endpoints.Asker(s.key, question),
		})})
	}
	return planned
}

// requestsOf is how many requests a question may need at most.
func requestsOf(question source.Question) int {
	if question.HTTP == nil {
		return 1
	}
	requests := 1
	if pages := question.HTTP.Pagination; pages != nil {
		requests = int(cmp.Or(pages.MaxPages, httpPages))
	}
	if question.HTTP.Downloads != nil {
		requests += httpFiles
	}
	return requests
}

// What a query may read that does not say so itself.
const (
	httpPages = 20
	httpFiles = 50
)

// effectiveSegmentBy leaves out what a program says for all its queries and a language
// cannot do; what a query says itself stays, to be refused.
func effectiveSegmentBy(by *v1alpha1.SegmentBy, q *v1alpha1.Query, question source.Question) *v1alpha1.SegmentBy {
	switch {
	case by == nil, q.SegmentBy != nil:
		return by
	case question.HTTP != nil, question.SQL != nil, question.Prometheus != nil && by.NamespaceLabel != "":
		return nil
	}
	return by
}

// clusterSourcesUnread is said before anything is read: a cache that may not read
// ClusterUsageSources would wait for them for ever.
var clusterSourcesUnread = specProblem(v1alpha1.ReasonSourceNotAllowed,
	"sourceRef: this operator works in single namespaces (--watch-namespaces) and reads no ClusterUsageSource: use a UsageSource of this namespace")

func sourceKindAsked(ref *v1alpha1.SourceRef, q *v1alpha1.Query) v1alpha1.SourceKind {
	switch {
	case q.SourceSelector != nil:
		return q.SourceSelector.Kind
	case ref != nil:
		return ref.Kind
	}
	return ""
}

// sourcesOf finds whom a query asks, sorted by name.
func (p *Planner) sourcesOf(ctx context.Context, program *v1alpha1.AdoptionProgram, q *v1alpha1.Query) ([]*usageSource, *adoption.Problem) {
	unreadable := &adoption.Problem{Message: "the source could not be read from the API server"}
	ref := adoption.EffectiveSource(program, q)
	if p.Namespaced && sourceKindAsked(ref, q) == v1alpha1.SourceKindCluster {
		return nil, clusterSourcesUnread
	}
	if q.SourceSelector != nil {
		selector, err := metav1.LabelSelectorAsSelector(q.SourceSelector.Selector)
		if err != nil {
			return nil, specProblem(v1alpha1.ReasonInvalidSpec, "sourceSelector.selector cannot be used: check keys, operators and values")
		}
		found, err := listSources(ctx, p.Cache, q.SourceSelector.Kind, program.Namespace, client.MatchingLabelsSelector{Selector: selector})
		switch {
		case err != nil:
			return nil, unreadable
		case len(found) == 0:
			kind := cmp.Or(string(q.SourceSelector.Kind), string(v1alpha1.SourceKindNamespaced))
			return nil, &adoption.Problem{Kind: adoption.ProblemReference, Reason: v1alpha1.ReasonSourceNotFound, Message: fmt.Sprintf(
				"sourceSelector: no %s has the labels %s", kind, metav1.FormatLabelSelector(q.SourceSelector.Selector))}
		}
		return found, nil
	}
	if ref == nil {
		return nil, specProblem(v1alpha1.ReasonInvalidSpec, "no sourceRef: name the source here or in spec.sourceRef")
	}
	found, err := findSource(ctx, p.Cache, ref, program.Namespace)
	switch {
	case err != nil:
		return nil, unreadable
	case found == nil:
		return nil, &adoption.Problem{
			Kind: adoption.ProblemReference, Reason: v1alpha1.ReasonSourceNotFound,
			Message: sourceNotFound(ctx, p.Cache, ref, program.Namespace),
		}
	}
	return []*usageSource{found}, nil
}

// question finds what is to be asked of a source.
func (s *usageSource) question(q *v1alpha1.Query) (source.Question, *adoption.Problem) {
	if q.Named != nil {
		return s.namedQuestion(q.Named)
	}
	if s.adHoc != v1alpha1.AdHocAllowed {
		return source.Question{}, specProblem(v1alpha1.ReasonSourceNotAllowed,
			"%s allows named queries only: %s", s.key, s.wayOut())
	}
	question := source.Question{Prometheus: q.Prometheus, SQL: q.SQL, Objects: q.Objects}
	if q.HTTP != nil {
		question.HTTP = &v1alpha1.NamedHTTPQuery{HTTPQuery: *q.HTTP}
	}
	return question, nil
}

// names reports whether an answer may have names. One without is the same poll, whoever wrote
// the query.
func names(question source.Question) bool {
	return question.SQL != nil || question.SegmentBy != nil || question.HTTP != nil && question.HTTP.Segment != ""
}

// discovers reports whether the names of a program's segments come from a query.
func discovers(program *v1alpha1.AdoptionProgram, use adoption.QueryUse) bool {
	return program.Spec.SegmentsFrom == v1alpha1.SegmentsFromPopulation &&
		program.Spec.Population != nil && program.Spec.Population.Query == use.Query
}

// wayToNames says what to do where programs may not see names that they do not declare.
func (s *usageSource) wayToNames() string {
	return s.namedOr("declare the segments, or ask for a named query", "its administrator can set spec.segmentNames: Any in it")
}

// namedOr offers the source's named queries, or says what to do where it has none, and
// what its administrator can do.
func (s *usageSource) namedOr(withoutAny, byAdministrator string) string {
	if names := s.queryNames(); len(names) > 0 {
		withoutAny = "use named: {name: ...} with one of: " + strings.Join(names, ", ")
	}
	return withoutAny + "; or " + byAdministrator
}

// wayOut says what to do where programs may not write queries of their own.
func (s *usageSource) wayOut() string {
	return s.namedOr("it has none yet, so ask its administrator for one and write named: {name: NAME} in place of the query",
		"its administrator can set spec.adHoc: Allowed in it to let programs write their own")
}

func (s *usageSource) queryNames() []string {
	names := make([]string, len(s.settings.Queries))
	for i, named := range s.settings.Queries {
		names[i] = string(named.Name)
	}
	return names
}

func (s *usageSource) namedQuestion(ref *v1alpha1.NamedQueryRef) (source.Question, *adoption.Problem) {
	names := s.queryNames()
	i := slices.Index(names, string(ref.Name))
	if i < 0 {
		return source.Question{}, specProblem(v1alpha1.ReasonQueryNotFound, "named.name: %s has no query %q%s", s.key, ref.Name, adoption.Instead(string(ref.Name), names))
	}
	named := &s.settings.Queries[i]
	question := source.Question{Prometheus: named.Prometheus, HTTP: named.HTTP, SQL: named.SQL, Objects: named.Objects}
	declared := make([]string, len(named.Parameters))
	for i, p := range named.Parameters {
		declared[i] = string(p.Name)
		at := slices.IndexFunc(ref.Parameters, func(v v1alpha1.ParameterValue) bool { return v.Name == p.Name })
		if at < 0 {
			return source.Question{}, specProblem(v1alpha1.ReasonInvalidQuery, "named.parameters: the query %s needs a value for %s", named.Name, p.Name)
		}
		question.Parameters = append(question.Parameters, source.Parameter{Name: string(p.Name), Value: ref.Parameters[at].Value})
	}
	for _, v := range ref.Parameters {
		if !slices.Contains(declared, string(v.Name)) {
			return source.Question{}, specProblem(v1alpha1.ReasonInvalidQuery, "named.parameters: the query %s has no parameter %q%s", named.Name, v.Name, adoption.Instead(string(v.Name), declared))
		}
	}
	return question, nil
}

func specProblem(reason, format string, args ...any) *adoption.Problem {
	return &adoption.Problem{Kind: adoption.ProblemSpec, Reason: reason, Message: fmt.Sprintf(format, args...)}
}
