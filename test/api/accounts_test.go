// SPDX-License-Identifier: Apache-2.0

package api

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestAnAccountIsLentByWhoMayUseIt has people name service accounts in programs.
func TestAnAccountIsLentByWhoMayUseIt(t *testing.T) {
	p, admin := withPolicies(t)
	namespace := newNamespace(t, admin)
	use := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"use"}, ResourceNames: []string{"counter"}}
	people := map[string]client.Client{
		"owner":  person(t, p, admin, namespace, "owner", rules(t, "people.yaml", "uptake-program-owner")...),
		"lender": person(t, p, admin, namespace, "lender", append(rules(t, "people.yaml", "uptake-program-owner"), use)...),
	}
	needs := func(who, account string) string {
		return "spec.serviceAccountName: to count with the rights of " + account + ", " + who + " needs the verb use on serviceaccounts in namespace " + namespace
	}
	names := func(account string) string { return `{"spec":{"serviceAccountName":"` + account + `"}}` }

	plain := program.object(t, namespace, "plain", "")
	judge(t, "owner creates a program", people["owner"].Create(t.Context(), plain), "")
	born := program.object(t, namespace, "born", "serviceAccountName: counter")
	judge(t, "owner creates a program with an account", people["owner"].Create(t.Context(), born.DeepCopy()), needs("owner", "counter"))
	unnamed := program.object(t, namespace, "", "serviceAccountName: counter")
	unnamed.SetGenerateName("born-")
	judge(t, "owner creates one with a generated name", people["owner"].Create(t.Context(), unnamed), needs("owner", "counter"))
	judge(t, "lender creates a program with an account", people["lender"].Create(t.Context(), born), "")

	try(t, people, plain, []attempt{
		{"owner", "names default", names("default"), ""},
		{"owner", "names an account", names("counter"), needs("owner", "counter")},
		{"lender", "names another account than its own", names("admin"), needs("lender", "admin")},
		{"lender", "names an account", names("counter"), ""},
		{"owner", "edits the rest", `{"spec":{"objective":"Another"}}`, ""},
		{"owner", "names another account", names("admin"), needs("owner", "admin")},
		{"owner", "leaves the account out", `{"spec":{"serviceAccountName":null}}`, ""},
		{"owner", "names it again", names("counter"), needs("owner", "counter")},
	})
	applied := program.object(t, namespace, "plain", "serviceAccountName: counter")
	err := people["owner"].Apply(t.Context(), client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("owner"), client.ForceOwnership)
	judge(t, "owner applies an account", err, needs("owner", "counter"))
}
