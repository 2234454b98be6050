// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// attempt is something that somebody tries; says is in the refusal, and empty when it
// is allowed.
type attempt struct {
	who, does, patch, says string
}

func try(t *testing.T, people map[string]client.Client, o *unstructured.Unstructured, attempts []attempt) {
	t.Helper()
	for _, a := range attempts {
		judge(t, a.who+" "+a.does, patch(people[a.who], t, o, a.patch), a.says)
	}
}

func judge(t *testing.T, what string, err error, says string) {
	t.Helper()
	switch {
	case says == "" && err != nil:
		t.Errorf("%s and may not: %v", what, err)
	case says != "" && !apierrors.IsForbidden(err):
		t.Errorf("%s and may: %v", what, err)
	case says != "" && !strings.Contains(err.Error(), says):
		t.Errorf("%s and is not told %q: %v", what, says, err)
	}
}

// TestDecisionsNeedAuthority has people with different rights decide on barriers,
// exemptions and reviews.
func TestDecisionsNeedAuthority(t *testing.T) {
	p, admin := withPolicies(t)
	namespace := newNamespace(t, admin)
	people := map[string]client.Client{
		"editor":  person(t, p, admin, namespace, "editor", rules(t, "users.yaml", "uptake-edit")...),
		"sponsor": person(t, p, admin, namespace, "sponsor", rules(t, "people.yaml", "uptake-sponsor")...),
		"tool":    person(t, p, admin, namespace, "tool", rules(t, "people.yaml", "uptake-approver-on-behalf")...),
	}
	make := func(t *testing.T, k kind, name, fields string) *unstructured.Unstructured {
		t.Helper()
		o := k.object(t, namespace, name, fields)
		if err := people["editor"].Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		return o
	}

	t.Run("a barrier that requires executive action", func(t *testing.T) {
		needs := "needs the verb approve on barriers in namespace " + namespace
		b := make(t, barrier, "executive", "requiresExecutiveAction: true\nseverity: Blocking")
		try(t, people, b, []attempt{
			{"editor", "names a play", `{"spec":{"plays":[{"action":"Ask"}],"owner":"cio","dueBy":"2027-01-01"}}`, ""},
			{"editor", "resolves it", `{"spec":{"resolution":{"state":"Resolved","by":"editor"}}}`, "barrier executive requires executive action: to decide on it, editor " + needs},
			{"editor", "accepts it", `{"spec":{"resolution":{"state":"Accepted"}}}`, needs},
			{"editor", "says that it requires none, and resolves it", `{"spec":{"requiresExecutiveAction":false,"resolution":{"state":"Resolved","note":"fine"}}}`, needs},
			{"editor", "says that it requires none", `{"spec":{"requiresExecutiveAction":null}}`, "spec.requiresExecutiveAction: barrier executive requires executive action: to change this, editor " + needs},
			{"editor", "makes it small", `{"spec":{"severity":"Minor"}}`, "spec.severity"},
			{"editor", "makes it about another phase", `{"spec":{"phases":["other"]}}`, "spec.phases"},
			{"editor", "has it measured", `{"spec":{"detect":{"metric":"adopted","atLeast":"3"}}}`, "spec.detect"},
			{"sponsor", "resolves it without a name", `{"spec":{"resolution":{"state":"Resolved"}}}`, "spec.resolution.by: barrier executive requires executive action, so its resolution names who decided: write sponsor"},
			{"sponsor", "resolves it in another's name", `{"spec":{"resolution":{"state":"Resolved","by":"ceo"}}}`, "spec.resolution.by holds the name of who decides: write sponsor"},
			{"sponsor", "resolves it", `{"spec":{"resolution":{"state":"Resolved","by":"sponsor","note":"Funded"}}}`, ""},
			{"editor", "changes the sponsor's words", `{"spec":{"resolution":{"note":"Never mind"}}}`, needs},
			{"editor", "edits the rest", `{"spec":{"owner":"network team"}}`, ""},
			{"editor", "opens it again", `{"spec":{"resolution":null}}`, ""},
			{"tool", "resolves it for somebody", `{"spec":{"resolution":{"state":"Resolved","by":"ada@example.com"}}}`, ""},
		})
		judge(t, "editor deletes it", people["editor"].Delete(t.Context(), b.DeepCopy()), "to delete it, editor "+needs)
		born := barrier.object(t, namespace, "born", "requiresExecutiveAction: true\nresolution: {state: Resolved, by: editor}")
		judge(t, "editor creates it resolved", people["editor"].Create(t.Context(), born), needs)
	})

	t.Run("any other barrier", func(t *testing.T) {
		b := make(t, barrier, "plain", "severity: Blocking")
		try(t, people, b, []attempt{
			{"editor", "resolves it", `{"spec":{"resolution":{"state":"Resolved","note":"Done"}}}`, ""},
			{"editor", "names itself", `{"spec":{"resolution":{"by":"editor"}}}`, ""},
			{"editor", "names the sponsor", `{"spec":{"resolution":{"by":"sponsor"}}}`, "write editor, or have the verb approve-on-behalf on barriers"},
			{"editor", "asks for executive action", `{"spec":{"requiresExecutiveAction":true,"severity":"Major"}}`, ""},
		})
		other := make(t, barrier, "other", "")
		judge(t, "editor deletes it", people["editor"].Delete(t.Context(), other), "")
	})

	exempt := func(count, by string) string {
		return `{"spec":{"segments":[{"name":"R&D","exemptions":[{"count":` + count + `,"reason":"on leave","approvedBy":"` + by + `"}]}]}}`
	}
	t.Run("exemptions of a declared population", func(t *testing.T) {
		needs := "needs the verb approve on adoptionprograms in namespace " + namespace
		o := make(t, program, "declared", "population: {count: 100}\nsegments: [{name: R&D}]")
		try(t, people, o, []attempt{
			{"editor", "exempts in the sponsor's name", exempt("3", "CIO"), "an exemption holds the name of who approved it: write approvedBy: editor, or have the verb approve-on-behalf on adoptionprograms"},
			{"editor", "exempts a few", exempt("3", "editor"), ""},
			{"editor", "exempts a tenth", exempt("10", "editor"), ""},
			{"editor", "exempts more", exempt("11", "editor"), "more than a tenth of the population would be exempt: editor " + needs},
			{"editor", "makes the population small", `{"spec":{"population":{"count":50}}}`, needs},
			{"editor", "edits the rest", `{"spec":{"objective":"Another"}}`, ""},
			{"sponsor", "exempts in another's name", exempt("94", "CIO"), "write approvedBy: sponsor"},
			{"sponsor", "exempts most", exempt("94", "sponsor"), ""},
			{"editor", "edits the rest of it", `{"spec":{"objective":"Something"}}`, ""},
			{"editor", "adds a segment", `{"spec":{"segments":[{"name":"R&D","aliases":["Research"],"exemptions":[{"count":94,"reason":"on leave","approvedBy":"sponsor"}]},{"name":"more"}]}}`, ""},
			{"editor", "has it never expire", `{"spec":{"segments":[{"name":"R&D","exemptions":[{"count":94,"reason":"for ever","approvedBy":"sponsor"}]}]}}`, "write approvedBy: editor"},
			{"tool", "exempts for somebody", exempt("95", "ada@example.com"), ""},
			{"editor", "takes exemptions away", `{"spec":{"segments":[{"name":"R&D"}]}}`, ""},
		})
	})

	t.Run("exemptions of a measured population", func(t *testing.T) {
		o := make(t, program, "measured", "population: {query: {"+objects+"}}\nsegments: [{name: R&D}]\nsegmentBy: {label: team}")
		try(t, people, o, []attempt{
			{"editor", "exempts one", exempt("1", "editor"), "exemptions from a population that is measured: editor needs the verb approve"},
			{"sponsor", "exempts one", exempt("1", "sponsor"), ""},
			{"editor", "edits the rest", `{"spec":{"objective":"Another"}}`, ""},
		})
	})

	t.Run("a review", func(t *testing.T) {
		o := make(t, program, "reviewed", "")
		try(t, people, o, []attempt{
			{"editor", "reviews without a name", `{"spec":{"reviewedAt":"2026-11-01"}}`, "spec.reviewedBy holds the name of who reviewed: write editor"},
			{"editor", "reviews in another's name", `{"spec":{"reviewedAt":"2026-11-01","reviewedBy":"sponsor"}}`, "write editor"},
			{"editor", "reviews", `{"spec":{"reviewedAt":"2026-11-01","reviewedBy":"editor"}}`, ""},
			{"sponsor", "edits the rest", `{"spec":{"objective":"Another"}}`, ""},
			{"sponsor", "reviews in the editor's name", `{"spec":{"reviewedAt":"2026-11-02"}}`, "write sponsor"},
			{"tool", "reviews for somebody", `{"spec":{"reviewedAt":"2026-11-03","reviewedBy":"ada@example.com"}}`, ""},
			{"editor", "takes the review away", `{"spec":{"reviewedAt":null,"reviewedBy":null}}`, ""},
		})
	})
}

// A phase that was approved is not deleted and made anew without its gates.
func TestAnApprovedPhaseIsNotDeletedByEverybody(t *testing.T) {
	p, admin := withPolicies(t)
	namespace := newNamespace(t, admin)
	editor := person(t, p, admin, namespace, "editor", rules(t, "users.yaml", "uptake-edit")...)
	sponsor := person(t, p, admin, namespace, "sponsor", append(rules(t, "users.yaml", "uptake-edit"), rules(t, "people.yaml", "uptake-sponsor")...)...)
	approved := func(name string) *unstructured.Unstructured {
		o := phase.object(t, namespace, name, "gates: [{name: sign-off}]")
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		o.Object["status"] = map[string]any{"observedGeneration": int64(1), "approvals": []any{
			map[string]any{"gate": "sign-off", "by": "sponsor", "at": time.Now().UTC().Format(time.RFC3339)},
		}}
		if err := admin.Status().Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	plain := phase.object(t, namespace, "plain", "gates: [{name: sign-off}]")
	if err := editor.Create(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	judge(t, "editor deletes a phase without approvals", editor.Delete(t.Context(), plain), "")
	needs := "phase one has approvals: to delete it, editor needs the verb approve on phases in namespace " + namespace
	one := approved("one")
	judge(t, "editor deletes an approved phase", editor.Delete(t.Context(), one.DeepCopy()), needs)
	judge(t, "sponsor deletes an approved phase", sponsor.Delete(t.Context(), one), "")

	two := approved("two")
	if err := admin.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		t.Fatal(err)
	}
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = editor.Delete(t.Context(), two.DeepCopy()); err == nil {
			return
		}
	}
	t.Errorf("what goes with its namespace stays: %v", err)
}
