// SPDX-License-Identifier: Apache-2.0

package api

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/controlplane"
)

// rules are those of a ClusterRole in a file of config/rbac.
func rules(t *testing.T, file, name string) []rbacv1.PolicyRule {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(configFolder, "rbac", file))
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range documents(t, text) {
		if document.GetName() != name {
			continue
		}
		var role rbacv1.ClusterRole
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, &role); err != nil {
			t.Fatal(err)
		}
		return role.Rules
	}
	t.Fatalf("there is no %s in %s", name, file)
	return nil
}

// person is somebody with some rights in one namespace.
func person(t *testing.T, p *controlplane.ControlPlane, admin client.Client, namespace, name string, rules ...rbacv1.PolicyRule) client.Client {
	t.Helper()
	user, err := p.AddUser(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []client.Object{
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Rules: rules},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
		},
	} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(user.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withPolicies returns a control plane with the admission policies of config in
// force, and who administers it.
func withPolicies(t *testing.T) (*controlplane.ControlPlane, client.Client) {
	t.Helper()
	p, err := controlplane.Start(t.Context(), controlplane.Options{CRDs: []string{crdFolder}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	admin := administrator(t, p)
	for _, file := range []string{"accounts.yaml", "approvals.yaml", "decisions.yaml", "intervals.yaml", "opened_barriers.yaml"} {
		text, err := os.ReadFile(filepath.Join(configFolder, "admission", file))
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			o := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(document), &o.Object); err != nil {
				t.Fatal(err)
			}
			if err := admin.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	namespace := newNamespace(t, admin)
	nobody := person(t, p, admin, namespace, "nobody", rules(t, "users.yaml", "uptake-edit")...)
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) { // the API server reads policies after a moment
		probe := phase.object(t, namespace, "probe", "checkpoint: {achievedAt: '2026-01-01'}")
		opened := barrier.object(t, namespace, "probe", "cause: {type: Plateau, metric: adopted}")
		decided := barrier.object(t, namespace, "probe", "requiresExecutiveAction: true\nresolution: {state: Resolved}")
		reviewed := program.object(t, namespace, "probe", "reviewedAt: '2026-01-01'")
		borrowed := program.object(t, namespace, "probe", "serviceAccountName: probe")
		if !slices.ContainsFunc([]client.Object{probe, opened, decided, reviewed, borrowed}, func(o client.Object) bool {
			return !apierrors.IsForbidden(nobody.Create(t.Context(), o, client.DryRunAll))
		}) {
			return p, admin
		}
		if time.Now().After(end) {
			t.Fatal("the policies are not in force after a minute")
		}
	}
}

func patch(c client.Client, t *testing.T, o *unstructured.Unstructured, text string) error {
	t.Helper()
	return c.Patch(t.Context(), o.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(text)))
}

// TestApprovalsNeedAuthority has people with different rights try the same.
func TestApprovalsNeedAuthority(t *testing.T) {
	p, admin := withPolicies(t)
	namespace := newNamespace(t, admin)
	people := map[string]client.Client{
		"editor":  person(t, p, admin, namespace, "editor", rules(t, "users.yaml", "uptake-edit")...),
		"owner":   person(t, p, admin, namespace, "owner", rules(t, "people.yaml", "uptake-program-owner")...),
		"sponsor": person(t, p, admin, namespace, "sponsor", rules(t, "people.yaml", "uptake-sponsor")...),
		"argo":    person(t, p, admin, namespace, "argo", rules(t, "people.yaml", "uptake-approver-on-behalf")...),
		"auditor": person(t, p, admin, namespace, "auditor", rules(t, "people.yaml", "uptake-auditor")...),
	}
	gated := phase.object(t, namespace, "gated", "gates: [{name: sign-off}, {name: kick-off, at: Start}]\nmaxDuration: 8w")
	if err := people["editor"].Create(t.Context(), gated); err != nil {
		t.Fatalf("an editor may not create a phase with gates: %v", err)
	}
	approval := func(who string) string {
		return `{"metadata":{"annotations":{"approval.uptake.dev/sign-off":"` + who + `"}}}`
	}
	for _, test := range []struct {
		who, does, patch string
		// says is in the refusal; empty: it is allowed.
		says string
	}{
		{"editor", "edits", `{"spec":{"maxDuration":"9w"}}`, ""},
		{"editor", "annotates something else", `{"metadata":{"annotations":{"example.com/a":"b"}}}`, ""},
		{"editor", "approves as itself", approval("editor"), "editor may not approve phase gated: this needs the verb approve on phases in namespace " + namespace},
		{"editor", "approves in the sponsor's name", approval("sponsor"), "editor may not approve"},
		{"editor", "removes a gate", `{"spec":{"gates":[{"name":"sign-off"}]}}`, "to remove or move the gate kick-off, editor needs the verb approve"},
		{"editor", "removes every gate", `{"spec":{"gates":null}}`, "to remove or move the gate sign-off"},
		{"editor", "moves a gate", `{"spec":{"gates":[{"name":"sign-off","at":"Start"},{"name":"kick-off","at":"Start"}]}}`, "to remove or move the gate sign-off"},
		{"editor", "renames a gate", `{"spec":{"gates":[{"name":"sign-of"},{"name":"kick-off","at":"Start"}]}}`, "to remove or move the gate sign-off"},
		{"editor", "adds a gate", `{"spec":{"gates":[{"name":"sign-off","at":"Finish"},{"name":"kick-off","at":"Start"},{"name":"more"}]}}`, ""},
		{"editor", "declares it achieved", `{"spec":{"checkpoint":{"achievedAt":"2026-01-01"}}}`, "spec.checkpoint declares what has been achieved: editor needs the verb approve"},
		{"owner", "edits", `{"spec":{"maxDuration":"12w"}}`, ""},
		{"owner", "approves as itself", approval("owner"), "owner may not approve"},
		{"auditor", "edits", `{"spec":{"maxDuration":"12w"}}`, `cannot patch resource "phases"`},
		{"auditor", "approves", approval("auditor"), `cannot patch resource "phases"`},
		{"sponsor", "approves in another's name", approval("cio"), "an approval holds the name of who approves: write sponsor, or have the verb approve-on-behalf"},
		{"sponsor", "approves", approval("sponsor"), ""},
		{"sponsor", "declares another's approval", `{"spec":{"checkpoint":{"approvals":[{"gate":"sign-off","by":"ceo@example.com"}]}}}`, "spec.checkpoint.approvals: an approval holds the name of who approves: write sponsor"},
		{"editor", "edits what is approved", `{"spec":{"maxDuration":"10w"}}`, ""},
		{"editor", "changes an approval", approval("editor"), "editor may not approve"},
		{"editor", "takes an approval away, which changes nothing", `{"metadata":{"annotations":{"approval.uptake.dev/sign-off":null}}}`, ""},
		{"argo", "approves for somebody", approval("ada@example.com"), ""},
		{"sponsor", "declares it achieved", `{"spec":{"checkpoint":{"achievedAt":"2026-01-01"}}}`, ""},
		{"editor", "edits what has a checkpoint", `{"spec":{"maxDuration":"11w"}}`, ""},
		{"editor", "changes the checkpoint", `{"spec":{"checkpoint":{"achievedAt":"2026-01-02"}}}`, "spec.checkpoint"},
		{"sponsor", "removes a gate", `{"spec":{"gates":[{"name":"kick-off","at":"Start"}]}}`, ""},
	} {
		err := patch(people[test.who], t, gated, test.patch)
		switch {
		case test.says == "" && err != nil:
			t.Errorf("%s %s and may not: %v", test.who, test.does, err)
		case test.says != "" && !apierrors.IsForbidden(err):
			t.Errorf("%s %s and may: %v", test.who, test.does, err)
		case test.says != "" && !strings.Contains(err.Error(), test.says):
			t.Errorf("%s %s and is not told %q: %v", test.who, test.does, test.says, err)
		}
	}

	born := phase.object(t, namespace, "born", "gates: [{name: sign-off}]")
	born.SetAnnotations(map[string]string{"approval.uptake.dev/sign-off": "editor"})
	if err := people["editor"].Create(t.Context(), born); !apierrors.IsForbidden(err) {
		t.Errorf("an editor creates a phase that is approved: %v", err)
	}
	done := phase.object(t, namespace, "done", "checkpoint: {achievedAt: '2026-01-01'}")
	if err := people["editor"].Create(t.Context(), done.DeepCopy()); !apierrors.IsForbidden(err) {
		t.Errorf("an editor creates a phase that is achieved: %v", err)
	}
	both := append(rules(t, "users.yaml", "uptake-edit"), rules(t, "people.yaml", "uptake-sponsor")...)
	if err := person(t, p, admin, namespace, "both", both...).Create(t.Context(), done); err != nil {
		t.Errorf("who may edit and approve may not: %v", err)
	}
}

// TestPeopleChangeWhatIsTheirsOfABarrierThatTheOperatorOpened tries every field.
func TestPeopleChangeWhatIsTheirsOfABarrierThatTheOperatorOpened(t *testing.T) {
	p, admin := withPolicies(t)
	namespace := newNamespace(t, admin)
	operator := person(t, p, admin, namespace, "operator", rules(t, "role.yaml", "uptake-manager")...)
	editor := person(t, p, admin, namespace, "editor", rules(t, "users.yaml", "uptake-edit")...)

	opened := barrier.object(t, namespace, "opened", "cause: {type: Plateau, metric: adopted}")
	if err := editor.Create(t.Context(), opened.DeepCopy()); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "spec.cause is for barriers that the operator opens") {
		t.Errorf("an editor makes a barrier of the operator's: %v", err)
	}
	if err := operator.Create(t.Context(), opened); err != nil {
		t.Fatal(err)
	}
	own := barrier.object(t, namespace, "own", "")
	if err := editor.Create(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if err := patch(editor, t, own, `{"spec":{"summary":"Something else","severity":"Blocking"}}`); err != nil {
		t.Errorf("people's own barrier: %v", err)
	}
	if err := patch(editor, t, own, `{"spec":{"cause":{"type":"Plateau","metric":"adopted"}}}`); !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		t.Errorf("an editor turns a barrier into one of the operator's: %v", err)
	}
	changes := map[string]string{
		"summary": `"Another"`, "category": `"Policy"`, "severity": `"Blocking"`, "requiresExecutiveAction": "true", "reportedAt": `"2026-01-01"`,
		"escalateAfter": `"3d"`, "phases": `["a"]`, "segments": `["a"]`, "detect": `{"metric":"adopted","atLeast":"3"}`, "cause": "null",
		"programRef": `{"name":"other"}`,
	}
	theirs := map[string]string{
		"owner": `"CIO office"`, "dueBy": `"2027-01-01"`, "plays": `[{"action":"Talk"}]`, "resolution": `{"state":"Resolved"}`,
	}
	fields := reflect.TypeFor[v1alpha1.BarrierSpec]()
	for field := range fields.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if value, ok := theirs[name]; ok {
			if err := patch(editor, t, opened, `{"spec":{"`+name+`":`+value+`}}`); err != nil {
				t.Errorf("people may not change %s: %v", name, err)
			}
			continue
		}
		value, ok := changes[name]
		if !ok {
			t.Errorf("is spec.%s people's or the operator's? Say so in config/admission and here.", name)
			continue
		}
		err := patch(editor, t, opened, `{"spec":{"`+name+`":`+value+`}}`)
		if (name == "programRef" || name == "cause" || name == "detect") && apierrors.IsInvalid(err) {
			continue // the schema refuses it for everybody
		}
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "spec."+name+": the operator opened this barrier") {
			t.Errorf("people change %s: %v", name, err)
		}
	}
}
