// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/internal/prometheustest"
)

// alert is one that Prometheus knows.
type alert struct {
	Labels map[string]string
	State  string
}

// scrapeConfig is the configuration of docs/install.md, for an operator that runs
// outside a cluster, in a hurry, and under another name of the job.
func scrapeConfig(t *testing.T, operator *running) string {
	t.Helper()
	block := regexp.MustCompile("(?s)```yaml\n(# prometheus.yml.*?)```").FindStringSubmatch(readFile(t, repository+"/docs/install.md"))
	if block == nil {
		t.Fatal("docs/install.md has no configuration of a Prometheus")
	}
	var config map[string]any
	if err := yaml.UnmarshalStrict([]byte(block[1]), &config); err != nil {
		t.Fatal(err)
	}
	config["global"] = map[string]any{"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
	job := config["scrape_configs"].([]any)[0].(map[string]any)
	job["job_name"] = "adoption"
	delete(job, "kubernetes_sd_configs")
	delete(job, "relabel_configs")
	job["authorization"] = map[string]any{"credentials_file": "token"}
	job["static_configs"] = []any{map[string]any{"targets": []any{operator.metrics}}}
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ask reads a page of Prometheus' API.
func ask(t *testing.T, server *prometheustest.Server, page string) string {
	t.Helper()
	response, err := http.Get("http://" + server.Address + "/api/v1/" + page)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// firing are the alerts of a Prometheus that fire, by name.
func firing(t *testing.T, server *prometheustest.Server) map[string][]alert {
	t.Helper()
	var answer struct{ Data struct{ Alerts []alert } }
	if err := json.Unmarshal([]byte(ask(t, server, "alerts")), &answer); err != nil {
		t.Fatal(err)
	}
	found := map[string][]alert{}
	for _, a := range answer.Data.Alerts {
		if a.State == "firing" {
			found[a.Labels["alertname"]] = append(found[a.Labels["alertname"]], a)
		}
	}
	return found
}

// A Prometheus that is set up as docs/install.md says is silent while all is well, and
// names what is not.
func TestAlertsWatchARealOperator(t *testing.T) {
	everything := render(t, home, "--set", "namespaces={team-cart}", "--set", "metrics.secure=true")
	t.Cleanup(func() { remove(t, everything) })
	for _, namespace := range []string{home, "team-cart"} {
		makeNamespace(t, namespace)
	}
	flags := []string{"--namespace", home, "--set", "namespaces={team-cart}", "--set", "metrics.secure=true", "--set", "allowSourceAddresses={127.0.0.1/32}"}
	helm(t, append([]string{"install", release, chart}, flags...)...)
	manifests := `
apiVersion: v1
kind: ConfigMap
metadata: {namespace: team-cart, name: numbers}
data: {adopted: "` + time.Now().Format(time.DateOnly) + ` 12"}
---` + program("team-cart", "entered", "configMap: {name: numbers, key: adopted}")
	eventually(t, "the definitions are served", func() error { return start(t, manifests, kubectlProgram(), "apply", "-f", "-").err })
	operator := runOperator(t, render(t, home, flags...))
	eventually(t, "it is measured", func() error {
		if m := metricOf(t, "team-cart", "entered"); m.Value != "12" {
			return fmt.Errorf("%+v", m)
		}
		return nil
	})
	rules := regexp.MustCompile(`for: \d+m`).ReplaceAllString(readFile(t, chart+"/files/monitoring/alerts.yaml"), "for: 8s")
	server, err := prometheustest.Start(prometheustest.Options{
		Config: scrapeConfig(t, operator), Files: map[string]string{"alerts.yaml": rules, "token": scraperToken(t, "uptake-metrics-reader")},
	})
	if err != nil {
		t.Fatalf("a Prometheus is needed: %v", err)
	}
	t.Cleanup(server.Remove)

	for name, token := range map[string]string{"nobody": "", "a token that is made up": "x.y.z", "an account without the right": scraperToken(t, "")} {
		want := map[bool]int{true: http.StatusForbidden, false: http.StatusUnauthorized}[name == "an account without the right"]
		response, err := operator.scrape(t, token)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != want || strings.Contains(string(text), "uptake_metric") {
			t.Errorf("%s is answered with %d: %s", name, response.StatusCode, text)
		}
	}
	eventually(t, "it is scraped", func() error {
		if text := ask(t, server, "targets"); !strings.Contains(text, `"health":"up"`) {
			return errors.New(text)
		}
		return nil
	})
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
		if found := firing(t, server); len(found) > 0 {
			t.Fatalf("all is well, and it fires: %v\n%s", found, ask(t, server, "targets"))
		}
	}
	kubectl(t, strings.ReplaceAll(`
apiVersion: uptake.dev/v1alpha1
kind: UsageSource
metadata: {namespace: team-cart, name: away}
spec: {type: Prometheus, prometheus: {url: "http://ADDRESS"}, interval: 10s, adHoc: Allowed}
---
apiVersion: uptake.dev/v1alpha1
kind: Barrier
metadata: {namespace: team-cart, name: dns}
spec: {programRef: {name: entered}, summary: DNS needs a ticket, category: Process, requiresExecutiveAction: true}
---
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {namespace: team-cart, name: misspelt}
spec: {programRef: {name: entered}, targets: [{metric: adoptd, atLeast: "50"}]}
---`, "ADDRESS", freeAddress(t))+program("team-cart", "asked", "sourceRef: {name: away}, prometheus: {expr: vector(7)}"), "apply", "-f", "-")
	for name, labels := range map[string]map[string]string{
		"UptakeSourceFails":      {"source": "UsageSource/team-cart/away"},
		"UptakeBarrierEscalated": {"namespace": "team-cart", "program": "entered", "barrier": "dns"},
		"UptakeSpecMistake":      {"namespace": "team-cart", "program": "entered", "kind": "Phase", "name": "misspelt", "reason": "MetricNotFound"},
	} {
		eventually(t, name+" fires", func() error { return fires(t, server, name, labels) })
	}
	if found := firing(t, server)["UptakeHasNoLeader"]; len(found) > 0 {
		t.Errorf("there is a leader: %v", found)
	}
	operator.stop()
	eventually(t, "the leader is missed", func() error { return fires(t, server, "UptakeHasNoLeader", nil) })
}

func fires(t *testing.T, server *prometheustest.Server, name string, labels map[string]string) error {
	t.Helper()
	all := firing(t, server)
	for _, a := range all[name] {
		same := true
		for label, value := range labels {
			same = same && a.Labels[label] == value
		}
		if same {
			return nil
		}
	}
	return fmt.Errorf("it does not: %v", all)
}
