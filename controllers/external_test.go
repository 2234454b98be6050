// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/source"
)

func TestWhoMayNotWriteQueriesIsToldOfBothWaysOut(t *testing.T) {
	query := &v1alpha1.Query{SQL: &v1alpha1.SQLQuery{Statement: "SELECT 1 AS value"}}
	s := &usageSource{key: "UsageSource/a/tickets", adHoc: v1alpha1.AdHocDenied, settings: &v1alpha1.SourceSettings{}}
	_, problem := s.question(query)
	if problem == nil || !strings.Contains(problem.Message, "adHoc: Allowed") || !strings.Contains(problem.Message, "none yet") {
		t.Errorf("%+v", problem)
	}
	s.settings.Queries = []v1alpha1.NamedQuery{{Name: "by-team"}, {Name: "by-month"}}
	_, problem = s.question(query)
	if problem == nil || !strings.Contains(problem.Message, "with one of: by-team, by-month; or") || !strings.Contains(problem.Message, "adHoc: Allowed") {
		t.Errorf("%+v", problem)
	}
}

func TestAPollIsGivenTimeToWaitBetweenItsRequests(t *testing.T) {
	http := func(pages *v1alpha1.HTTPPagination, files *v1alpha1.HTTPDownloads) source.Question {
		return source.Question{HTTP: &v1alpha1.NamedHTTPQuery{HTTPQuery: v1alpha1.HTTPQuery{Pagination: pages, Downloads: files}}}
	}
	for want, question := range map[int]source.Question{
		1:   {SQL: &v1alpha1.SQLQuery{}},
		20:  http(&v1alpha1.HTTPPagination{}, nil),
		200: http(&v1alpha1.HTTPPagination{MaxPages: 200}, nil),
		51:  http(nil, &v1alpha1.HTTPDownloads{}),
		70:  http(&v1alpha1.HTTPPagination{}, &v1alpha1.HTTPDownloads{}),
	} {
		if got := requestsOf(question); got != want {
			t.Errorf("%d requests, not %d", got, want)
		}
	}
}
