// SPDX-License-Identifier: Apache-2.0

package api

import (
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestEveryWayToDecideIsJudged tries what a policy refuses by every way there is to
// write an object, and what it allows as well.
func TestEveryWayToDecideIsJudged(t *testing.T) {
	p, admin := withPolicies(t)
	namespace := newNamespace(t, admin)
	edits := rules(t, "users.yaml", "uptake-edit")
	editor := person(t, p, admin, namespace, "editor", edits...)
	sponsor := person(t, p, admin, namespace, "sponsor", append(edits, rules(t, "people.yaml", "uptake-sponsor")...)...)
	const forged = "gates: [{name: sign-off}]\ncheckpoint: {approvals: [{gate: sign-off, by: ceo@example.com, at: '2026-01-01'}]}"
	const notOnesOwn = "spec.checkpoint.approvals: an approval holds the name of who approves: write sponsor"

	t.Run("create", func(t *testing.T) {
		judge(t, "editor declares an approval", editor.Create(t.Context(), phase.object(t, namespace, "forged", forged)), "editor needs the verb approve")
		judge(t, "sponsor declares another's", sponsor.Create(t.Context(), phase.object(t, namespace, "forged", forged)), notOnesOwn)
	})
	t.Run("generateName", func(t *testing.T) {
		o := phase.object(t, namespace, "", forged)
		o.SetGenerateName("forged-")
		if err := sponsor.Create(t.Context(), o); !apierrors.IsForbidden(err) {
			t.Errorf("another's approval under a generated name: %v", err)
		}
		born := phase.object(t, namespace, "", "gates: [{name: sign-off}]")
		born.SetGenerateName("born-")
		born.SetAnnotations(map[string]string{"approval.uptake.dev/sign-off": "editor"})
		if err := editor.Create(t.Context(), born); !apierrors.IsForbidden(err) {
			t.Errorf("an approval under a generated name: %v", err)
		}
		plain := phase.object(t, namespace, "", "gates: [{name: sign-off}]")
		plain.SetGenerateName("plain-")
		judge(t, "editor creates a phase with a generated name", editor.Create(t.Context(), plain), "")
	})
	t.Run("server-side apply", func(t *testing.T) {
		apply := func(c client.Client, o *unstructured.Unstructured) error {
			return c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("test"), client.ForceOwnership)
		}
		judge(t, "editor applies an approval that is declared", apply(editor, phase.object(t, namespace, "applied", forged)), "editor needs the verb approve")
		judge(t, "editor applies a phase", apply(editor, phase.object(t, namespace, "applied", "gates: [{name: sign-off}]")), "")
		approved := phase.object(t, namespace, "applied", "gates: [{name: sign-off}]")
		approved.SetAnnotations(map[string]string{"approval.uptake.dev/sign-off": "sponsor"})
		judge(t, "editor applies an approval", apply(editor, approved.DeepCopy()), "editor may not approve")
		judge(t, "editor applies it without its gate", apply(editor, phase.object(t, namespace, "applied", "")), "to remove or move the gate sign-off")
		judge(t, "sponsor applies an approval", apply(sponsor, approved), "")
		exempt := "population: {count: 100}\nsegments: [{name: R&D, exemptions: [{count: 94, reason: none, approvedBy: CIO}]}]"
		judge(t, "editor applies exemptions of another's", apply(editor, program.object(t, namespace, "applied", exempt)), "write approvedBy: editor")
	})
	t.Run("the status", func(t *testing.T) {
		o := phase.object(t, namespace, "status", "gates: [{name: sign-off}]")
		judge(t, "editor creates a phase", editor.Create(t.Context(), o), "")
		o.Object["status"] = map[string]any{"observedGeneration": int64(1), "approvals": []any{
			map[string]any{"gate": "sign-off", "by": "ceo", "at": time.Now().UTC().Format(time.RFC3339)},
		}}
		judge(t, "editor records an approval", editor.Status().Update(t.Context(), o.DeepCopy()), "phases/status")
		judge(t, "editor writes a status along", editor.Update(t.Context(), o), "")
		if _, found, _ := unstructured.NestedSlice(o.Object, "status", "approvals"); found {
			t.Error("a status that was written along is kept")
		}
		born := phase.object(t, namespace, "born-approved", "gates: [{name: sign-off}]")
		born.Object["status"] = map[string]any{"observedGeneration": int64(1), "state": "Achieved"}
		judge(t, "editor creates a phase with a status", editor.Create(t.Context(), born), "")
		if _, found, _ := unstructured.NestedString(born.Object, "status", "state"); found {
			t.Error("a status that it was created with is kept")
		}
	})
	t.Run("exemptions that are there already", func(t *testing.T) {
		const once = `{"count":10,"reason":"on leave","approvedBy":"sponsor"}`
		segments := func(exemptions string) string {
			return `{"spec":{"segments":[{"name":"R&D","exemptions":[` + exemptions + `]}]}}`
		}
		people := map[string]client.Client{"editor": editor, "sponsor": sponsor}
		o := program.object(t, namespace, "twice", "population: {count: 100}\nsegments: [{name: R&D}]")
		judge(t, "editor creates a program", editor.Create(t.Context(), o), "")
		try(t, people, o, []attempt{
			{"sponsor", "exempts a tenth", segments(once), ""},
			{"editor", "writes the same exemption twice", segments(once + "," + once), "write approvedBy: editor"},
			{"editor", "writes it under another segment", `{"spec":{"segments":[{"name":"R&D"},{"name":"Ops","exemptions":[` + once + `]}]}}`, "write approvedBy: editor"},
			{"sponsor", "lets the population be measured", `{"spec":{"population":{"count":null,"query":{"configMap":{"name":"n","key":"k"}}}}}`, ""},
			{"editor", "declares a small population", `{"spec":{"population":{"query":null,"count":20}}}`, "more than a tenth of the population would be exempt"},
			{"editor", "declares a large population", `{"spec":{"population":{"query":null,"count":200}}}`, ""},
		})
	})
}

// Deleting many phases at once is judged phase by phase.
func TestApprovedPhasesAreNotDeletedTogether(t *testing.T) {
	p, admin := withPolicies(t)
	namespace := newNamespace(t, admin)
	editor := person(t, p, admin, namespace, "editor", append(rules(t, "users.yaml", "uptake-edit"), deletesTogether)...)
	o := phase.object(t, namespace, "approved", "gates: [{name: sign-off}]")
	if err := admin.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	o.Object["status"] = map[string]any{"observedGeneration": int64(1), "approvals": []any{
		map[string]any{"gate": "sign-off", "by": "sponsor", "at": time.Now().UTC().Format(time.RFC3339)},
	}}
	if err := admin.Status().Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	barrier := barrier.object(t, namespace, "executive", "requiresExecutiveAction: true")
	if err := admin.Create(t.Context(), barrier); err != nil {
		t.Fatal(err)
	}
	judge(t, "editor deletes all phases", editor.DeleteAllOf(t.Context(), o.DeepCopy(), client.InNamespace(namespace)), "phase approved has approvals")
	judge(t, "editor deletes all barriers", editor.DeleteAllOf(t.Context(), barrier.DeepCopy(), client.InNamespace(namespace)), "barrier executive requires executive action")
	for _, kept := range []*unstructured.Unstructured{o, barrier} {
		if err := admin.Get(t.Context(), client.ObjectKeyFromObject(kept), kept); err != nil {
			t.Errorf("%s is gone: %v", kept.GetName(), err)
		}
	}
}

var deletesTogether = rbacv1.PolicyRule{APIGroups: []string{"uptake.dev"}, Resources: []string{"phases", "barriers"}, Verbs: []string{"deletecollection"}}
