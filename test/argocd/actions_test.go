// SPDX-License-Identifier: Apache-2.0

//go:build argocd

package argocd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/test/internal/argocdtest"
)

// argocd runs Argo CD's command line.
func argocd(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv("UPTAKE_ARGOCD"), args...) //nolint:gosec // the program under test
	cmd.Env = append(os.Environ(), "HOME="+home, "ARGOCD_BINARY_NAME=argocd", "KUBECONFIG="+filepath.Join(home, "kubeconfig"))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	return output.String(), err
}

// act runs an action on an object of an application, with the request that Argo CD's
// page makes.
func act(t *testing.T, application, action, kind, name string, parameters ...string) (string, error) {
	t.Helper()
	given := []map[string]string{}
	for _, parameter := range parameters {
		key, value, _ := strings.Cut(parameter, "=")
		given = append(given, map[string]string{"name": key, "value": value})
	}
	body, err := json.Marshal(map[string]any{
		"appNamespace": "argocd", "namespace": application, "resourceName": name, "version": "v1alpha1", "kind": kind,
		"group": "uptake.dev", "action": action, "resourceActionParameters": given,
	})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"http://"+server+"/api/v1/applications/"+application+"/resource/actions/v2", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close() //nolint:errcheck // it has been read
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return string(text), err
}

func mustAct(t *testing.T, application, action, kind, name string, parameters ...string) {
	t.Helper()
	if output, err := act(t, application, action, kind, name, parameters...); err != nil {
		t.Fatalf("%s: %v: %s", action, err, output)
	}
}

func TestActionsAreNoDrift(t *testing.T) {
	watching := watchDifferences(t.Context(), t)
	if err := commit("actions", "begin actions", story(70, "  gates: [{name: sponsor-agrees}]\n"+blocking)); err != nil {
		t.Fatal(err)
	}
	application(t, "actions")
	waitFor(t, "actions", "Synced", func(s seen) bool { return s.health() == "Healthy" && s.sync() == "Synced" })
	eventually(t, "the phase is blocked", func() bool {
		return strings.Contains(waitsFor(get(t, "Phase", "actions", "wave")), "barrier") || stateOf(get(t, "Phase", "actions", "wave")) != ""
	})

	mustAct(t, "actions", "acknowledge", "Barrier", "database", "dueBy=2027-01-29")
	mustAct(t, "actions", "resolve", "Barrier", "database", "note=Databases are in the template")
	eventually(t, "the barrier is resolved", func() bool { return stateOf(get(t, "Barrier", "actions", "database")) == "Resolved" })
	eventually(t, "the phase waits for the sponsor", func() bool {
		return strings.Contains(waitsFor(get(t, "Phase", "actions", "wave")), "approval of sponsor-agrees")
	})

	mustAct(t, "actions", "suspend", "Phase", "wave")
	eventually(t, "the phase is suspended", func() bool { return suspended(get(t, "Phase", "actions", "wave")) })
	waitFor(t, "actions", "Suspended", func(s seen) bool { return s.health() == "Suspended" && s.sync() == "Synced" })
	if output, err := act(t, "actions", "approve", "Phase", "wave", "by=Jo Meier"); err == nil || !strings.Contains(output, account+" may not approve phase wave") {
		t.Errorf("Argo CD may approve without a right to: %v: %s", err, output)
	}
	if err := apply(t.Context(), strings.ReplaceAll(mayApprove, "NAMESPACE", "actions")); err != nil {
		t.Fatal(err)
	}
	mustAct(t, "actions", "approve", "Phase", "wave", "by=Jo Meier")
	time.Sleep(5 * time.Second) // Argo CD heals what it takes for a drift within this
	if phase := get(t, "Phase", "actions", "wave"); !suspended(phase) || stateOf(phase) == "Achieved" {
		t.Errorf("the phase is %s, suspended: %t", stateOf(phase), suspended(phase))
	}
	mustAct(t, "actions", "resume", "Phase", "wave")
	eventually(t, "the phase is achieved", func() bool { return stateOf(get(t, "Phase", "actions", "wave")) == "Achieved" })
	approvals, _, _ := unstructured.NestedSlice(get(t, "Phase", "actions", "wave").Object, "status", "approvals")
	if len(approvals) != 1 || approvals[0].(map[string]any)["by"] != "Jo Meier (through Argo CD)" {
		t.Errorf("approved: %v", approvals)
	}

	mustAct(t, "actions", "suspend", "AdoptionProgram", "golden-path")
	waitFor(t, "actions", "Suspended", func(s seen) bool { return s.health() == "Suspended" && s.sync() == "Synced" })
	mustAct(t, "actions", "resume", "AdoptionProgram", "golden-path")
	waitFor(t, "actions", "Healthy", func(s seen) bool { return s.health() == "Healthy" && s.sync() == "Synced" })

	if output, err := act(t, "actions", "approve", "Phase", "wave"); err == nil || !strings.Contains(output, "no gate waits for an approval") {
		t.Errorf("approving again: %v: %s", err, output)
	}
	if found := watching.of("actions"); len(found) > 0 {
		t.Errorf("OutOfSync: %s", found[0])
	}
}

func waitsFor(u *unstructured.Unstructured) string {
	text, _, _ := unstructured.NestedString(u.Object, "status", "waitsFor")
	return text
}

func suspended(u *unstructured.Unstructured) bool {
	list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	return slices.ContainsFunc(list, func(entry any) bool {
		c, _ := entry.(map[string]any)
		return c["type"] == "Suspended" && c["status"] == "True"
	})
}

// TestArgoCDReadsTheScriptsAsWeDo gives what was recorded of every state to Argo CD's
// own check of the ConfigMap that config/argocd ships.
func TestArgoCDReadsTheScriptsAsWeDo(t *testing.T) {
	recorded, err := filepath.Glob(filepath.Join(argocdtest.Folder(), "*", "testdata", "*.yaml"))
	if err != nil || len(recorded) == 0 {
		t.Fatalf("nothing is recorded: %v", err)
	}
	for _, file := range recorded {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(readFile(file)), &object.Object); err != nil {
			t.Fatal(err)
		}
		want, err := argocdtest.HealthOf(object)
		if err != nil {
			t.Fatal(err)
		}
		output, err := argocd(t, "admin", "settings", "resource-overrides", "health", file, "--argocd-cm-path", "../../config/argocd/argocd-cm.yaml")
		if err != nil || !strings.Contains(output, "STATUS: "+want.Status+"\n") || !strings.Contains(output, "MESSAGE: "+want.Message+"\n") {
			t.Errorf("%s: %v: %s, want %v", filepath.Base(file), err, output, want)
		}
	}
}
