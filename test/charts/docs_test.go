// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// fences finds the blocks of a language in a page.
func fences(t *testing.T, page, language string) []string {
	t.Helper()
	var blocks []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(readFile(t, filepath.Join(repository, page)), -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

// shell runs commands of the documentation, as somebody who may do anything.
func shell(t *testing.T, folder, commands string) string {
	t.Helper()
	path := t.TempDir()
	for name, program := range map[string]string{"helm": os.Getenv("UPTAKE_HELM"), "kubectl": kubectlProgram()} {
		program, err := filepath.Abs(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(program, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), "bash", "-euc", commands)
	run.Dir = folder
	run.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+path+":"+os.Getenv("PATH"))
	output, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, output)
	}
	return string(output)
}

var installs = regexp.MustCompile(`(?m)^(\$ )?helm (install|upgrade) `)

// Commands and values of the documentation are ones that Helm and the chart take.
func TestTheCommandsOfTheDocumentationWork(t *testing.T) {
	tried := 0
	for _, page := range []string{"README.md", "docs/install.md", "docs/upgrade.md", "charts/uptake/README.md"} {
		for _, block := range append(fences(t, page, "sh"), fences(t, page, "console")...) {
			for command := range strings.SplitSeq(strings.ReplaceAll(block, "\\\n", ""), "\n") {
				if !installs.MatchString(command) {
					continue
				}
				tried++
				command = strings.Replace(strings.TrimPrefix(command, "$ "), "helm upgrade ", "helm upgrade --install ", 1)
				t.Run(page+": "+command, func(t *testing.T) { shell(t, repository, command+" --dry-run=client") })
				// No image is published under the chart's own name.
				if strings.HasPrefix(command, "helm install ") && !strings.Contains(command, "image.repository=registry.example.com/uptake") {
					t.Errorf("%s: no pod would start: %s", page, command)
				}
			}
		}
	}
	if tried < 5 {
		t.Errorf("only %d commands found", tried)
	}
	blocks := fences(t, "docs/install.md", "yaml")
	if len(blocks) == 0 {
		t.Error("no values found")
	}
	for _, values := range blocks {
		if strings.Contains(values, "scrape_configs:") {
			continue // Prometheus', which has a test of its own
		}
		before := helm(t, "template", release, chart)
		if after := must(t, values, os.Getenv("UPTAKE_HELM"), "template", release, chart, "--values", "-"); after == before {
			t.Errorf("these values change nothing:\n%s", values)
		}
	}
}

// Every alert has a row that says what to do, and no other has.
func TestEveryAlertIsExplained(t *testing.T) {
	name := regexp.MustCompile(`Uptake[A-Z]\w+`)
	alerts := map[string]bool{}
	for _, match := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(readFile(t, chart+"/files/monitoring/alerts.yaml"), -1) {
		alerts[match[1]] = false
	}
	for _, found := range name.FindAllString(readFile(t, repository+"/docs/install.md"), -1) {
		if _, there := alerts[found]; !there {
			t.Errorf("docs/install.md explains %s, which is no alert", found)
		}
		alerts[found] = true
	}
	for alert, explained := range alerts {
		if !explained {
			t.Errorf("docs/install.md does not explain %s", alert)
		}
	}
}

// The backup of the documentation carries what was achieved and approved to new phases:
// of one that is done, of one that waits, and of names that YAML reads as something else.
func TestTheBackupOfTheDocumentationIsRestored(t *testing.T) {
	crds := ofKind(render(t, home), "CustomResourceDefinition")
	t.Cleanup(func() { remove(t, crds) })
	kubectl(t, "", "apply", "--server-side", "-f", filepath.Join(repository, "config/crd/bases"))
	const phase = `---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: "NAME", namespace: "NAMESPACE"}
spec: {programRef: {name: golden-path}, targets: [{metric: adopted, atLeast: "5"}], gates: [{name: agreed}, {name: told}, {name: "on"}, {name: "2"}]}
`
	const agreed = `{"gate": "agreed", "by": "Jo \"$(exit 1)\" O'Hara: #1", "at": "2026-10-30T08:00:00Z"}`
	const spent = `{"gate": "told", "by": "Kim", "at": "2026-09-30T08:00:00Z", "spent": true}`
	const on = `{"gate": "on", "by": "no", "at": "2026-10-30T08:00:00Z"}, {"gate": "2", "by": "1e3", "at": "2026-10-30T08:00:00Z"}`
	cases := []struct {
		namespace, name, status string
		want                    *v1alpha1.Checkpoint
	}{
		{
			"team-cart", "pilot",
			`{"state": "Achieved", "startedAt": "2026-10-01T08:00:00Z", "achievedAt": "2026-11-01T08:00:00Z", "approvals": [` + agreed + "," + spent + `]}`,
			&v1alpha1.Checkpoint{
				StartedAt: "2026-10-01T08:00:00Z", AchievedAt: "2026-11-01T08:00:00Z",
				Approvals: []v1alpha1.CheckpointApproval{{Gate: "agreed", By: `Jo "$(exit 1)" O'Hara: #1`, At: "2026-10-30T08:00:00Z"}},
			},
		},
		{
			"team-cart", "approved", `{"state": "Waiting", "approvals": [` + agreed + `]}`,
			&v1alpha1.Checkpoint{Approvals: []v1alpha1.CheckpointApproval{{Gate: "agreed", By: `Jo "$(exit 1)" O'Hara: #1`, At: "2026-10-30T08:00:00Z"}}},
		},
		{
			"2", "on", `{"state": "Active", "startedAt": "2026-10-01T08:00:00Z", "approvals": [` + on + `]}`,
			&v1alpha1.Checkpoint{
				StartedAt: "2026-10-01T08:00:00Z",
				Approvals: []v1alpha1.CheckpointApproval{{Gate: "on", By: "no", At: "2026-10-30T08:00:00Z"}, {Gate: "2", By: "1e3", At: "2026-10-30T08:00:00Z"}},
			},
		},
		{"team-cart", "wave", `{"state": "Waiting"}`, nil},
	}
	var specs strings.Builder
	for _, c := range cases {
		makeNamespace(t, c.namespace)
		specs.WriteString(strings.NewReplacer("NAMESPACE", c.namespace, "NAME", c.name).Replace(phase))
	}
	eventually(t, "the definitions are served", func() error { return start(t, specs.String(), kubectlProgram(), "apply", "-f", "-").err })
	for _, c := range cases {
		kubectl(t, "", "patch", "phase", "--namespace", c.namespace, c.name, "--subresource=status", "--type=merge", "--patch", `{"status": `+c.status+`}`)
	}

	folder := t.TempDir()
	for _, block := range fences(t, "docs/upgrade.md", "sh") {
		if strings.Contains(block, ">checkpoints.yaml") {
			shell(t, folder, block)
		}
	}
	kubectl(t, specs.String(), "delete", "-f", "-")
	kubectl(t, specs.String(), "apply", "-f", "-")
	for _, block := range fences(t, "docs/upgrade.md", "sh") {
		if _, restores, found := strings.Cut(block, "from Git, and then:\n"); found {
			command, _, _ := strings.Cut(restores, "\n")
			shell(t, folder, command)
		}
	}
	for _, c := range cases {
		restored := &v1alpha1.Phase{}
		if err := people.Get(t.Context(), client.ObjectKey{Namespace: c.namespace, Name: c.name}, restored); err != nil {
			t.Fatal(err)
		}
		if asJSON(t, restored.Spec.Checkpoint) != asJSON(t, c.want) {
			t.Errorf("%s/%s is restored with %s, not %s", c.namespace, c.name, asJSON(t, restored.Spec.Checkpoint), asJSON(t, c.want))
		}
	}
}
