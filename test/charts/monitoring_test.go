// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// promtool lies beside prometheus.
func promtool(t *testing.T, args ...string) string {
	t.Helper()
	return must(t, "", filepath.Join(filepath.Dir(os.Getenv("UPTAKE_PROMETHEUS")), "promtool"), args...)
}

// renderedRules writes the rules of a release into a file, and returns its folder.
func renderedRules(t *testing.T, flags ...string) string {
	t.Helper()
	rule := theOnly(t, render(t, home, append(flags, "--set", "prometheusRule.enabled=true")...), "PrometheusRule")
	text, err := yaml.Marshal(nested[map[string]any](t, rule, "spec"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "alerts.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// Each alert fires on what it is about, after its time, and on nothing else.
func TestAlertsFire(t *testing.T) {
	folder := renderedRules(t, "--set", "serviceMonitor.enabled=true")
	tests := readFile(t, "testdata/alerts_test.yaml")
	if err := os.WriteFile(filepath.Join(folder, "tests.yaml"), []byte(tests), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", filepath.Join(folder, "alerts.yaml"))
	promtool(t, "test", "rules", filepath.Join(folder, "tests.yaml"))
	for _, match := range regexp.MustCompile(`(?m)alert: (\w+)`).FindAllStringSubmatch(readFile(t, filepath.Join(folder, "alerts.yaml")), -1) {
		if !strings.Contains(tests, "alertname: "+match[1]) {
			t.Errorf("no test makes %s fire", match[1])
		}
	}
}

// Rules look at their own release where the release makes their job as well. Otherwise
// nobody knows what the job is called, and they look at every one.
func TestAlertsFollowTheRelease(t *testing.T) {
	second := []string{"--set", "fullnameOverride=second", "--set", "serviceMonitor.enabled=true", "--namespace", "other"}
	text := readFile(t, filepath.Join(renderedRules(t, second...), "alerts.yaml"))
	for _, match := range regexp.MustCompile(`[a-z_]+\{[^}]*`).FindAllString(text, -1) {
		if strings.Contains(match, "{{") {
			continue // of an annotation
		}
		if !strings.Contains(match, `job="second-metrics"`) {
			t.Errorf("it looks at other jobs as well: %s", match)
		}
	}
	if service := theOnly(t, render(t, home, "--set", "fullnameOverride=second"), "Service"); service.GetName() != "second-metrics" {
		t.Errorf("the job is called %s", service.GetName())
	}
	if !strings.Contains(text, `leader_election_master_status{namespace="other",job="second-metrics",name="uptake-operator"}`) {
		t.Errorf("the leader of another namespace is taken for its own:\n%s", text)
	}
	for _, named := range []string{"job=", "namespace="} {
		if text := readFile(t, filepath.Join(renderedRules(t), "alerts.yaml")); strings.Contains(text, named) {
			t.Errorf("the rules select %s, which nobody has promised:\n%s", named, text)
		}
	}
}

// dashboard is what is looked at of a dashboard of Grafana.
type dashboard struct {
	Title      string
	Templating struct {
		List []struct {
			Name  string
			Query any
		}
	}
	Panels []struct {
		ID      int
		Title   string
		Targets []struct{ Expr string }
		GridPos struct{ X, Y, W, H int }
	}
}

func theDashboard(t *testing.T) dashboard {
	t.Helper()
	config := theOnly(t, render(t, home, "--set", "dashboard.enabled=true"), "ConfigMap")
	if label := config.GetLabels()["grafana_dashboard"]; label != "1" {
		t.Errorf("the label grafana_dashboard is %q", label)
	}
	var parsed dashboard
	if err := json.Unmarshal([]byte(nested[string](t, config, "data", "uptake.json")), &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

// expressions are those of the panels, with variables as Grafana fills them in.
func (d dashboard) expressions(t *testing.T) []string {
	t.Helper()
	filled := strings.NewReplacer("$__rate_interval", "5m", "$job", "uptake-metrics", "$namespace", ".*", "$program", ".*")
	var found []string
	for _, panel := range d.Panels {
		if len(panel.Targets) == 0 {
			t.Errorf("the panel %s shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			expr := filled.Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("the panel %s has a variable that is not there: %s", panel.Title, expr)
			}
			found = append(found, expr)
		}
	}
	return found
}

// Every expression of the dashboard is one to Prometheus as well.
func TestTheDashboardIsWellFormed(t *testing.T) {
	shown := theDashboard(t)
	var rules []map[string]any
	for i, expr := range shown.expressions(t) {
		rules = append(rules, map[string]any{"record": fmt.Sprintf("panel:%d", i), "expr": expr})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []map[string]any{{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", "--lint=none", file)

	taken := map[[2]int]string{}
	for _, panel := range shown.Panels {
		at := panel.GridPos
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("the panel %s does not fit beside %s", panel.Title, other)
				}
				taken[[2]int{x, y}] = panel.Title
			}
		}
	}
}

// metricName finds names of metrics in an expression: what labels follow.
var metricName = regexp.MustCompile(`([a-z_][a-z0-9_]*)\{`)

// metricsInUse are the names of all metrics that the alerts and the dashboard use.
func metricsInUse(t *testing.T) map[string]bool {
	t.Helper()
	shown := theDashboard(t)
	texts := append(shown.expressions(t), readFile(t, filepath.Join(renderedRules(t), "alerts.yaml")))
	for _, variable := range shown.Templating.List {
		texts = append(texts, asJSON(t, variable.Query))
	}
	used := map[string]bool{}
	for _, match := range metricName.FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
		used[match[1]] = true
	}
	return used
}
