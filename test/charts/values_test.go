// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// refused installs nothing and returns what Helm says.
func refused(t *testing.T, values string) string {
	t.Helper()
	o := start(t, values, os.Getenv("UPTAKE_HELM"), "template", release, chart, "--values", "-")
	if o.err == nil {
		t.Fatalf("not refused: %s", values)
	}
	return o.problems
}

// A wrong value is refused, and the message names it.
func TestWrongValuesAreRefused(t *testing.T) {
	for values, message := range map[string]string{
		`image: {repository: ""}`:          "/image/repository",
		`image: {digest: latest}`:          "/image/digest",
		`image: {pullPolicy: Sometimes}`:   "/image/pullPolicy",
		`imagePullSecrets: [registry]`:     "/imagePullSecrets/0",
		`replicas: two`:                    "/replicas",
		`replicas: -1`:                     "/replicas",
		`logLevel: 8`:                      "/logLevel", // the client library would log whole answers
		`logLevel: verbose`:                "/logLevel",
		`displayEvery: 10`:                 "/displayEvery",
		`displayEvery: 10 minutes`:         "/displayEvery",
		`allowSourceAddresses: [10.0.0.1]`: "/allowSourceAddresses/0",
		`namespaces: team-cart`:            "/namespaces",
		`namespaces: ["*"]`:                "/namespaces/0",
		`extraArgs: [leader-elect=false]`:  "/extraArgs/0",
		`extraEnv: [{value: x}]`:           "/extraEnv/0",
		`crds: {install: "yes"}`:           "/crds/install",
		`inventory: {enabled: "yes"}`:      "/inventory/enabled",
		`inventory: {rules: [{apiGroups: [""], resources: [secrets], verbs: [list]}]}`: "/inventory/rules/0/resources/0",
		`inventory: {rules: [{apiGroups: [""], resources: [pods], verbs: [delete]}]}`:  "/inventory/rules/0/verbs/0",
		`inventory: {rules: [{apiGroups: [""], resources: [pods]}]}`:                   "/inventory/rules/0",
		`sourceCredentials: [{namespace: team}]`:                                       "/sourceCredentials/0",
		`sourceCredentials: [{namespace: team, secrets: []}]`:                          "/sourceCredentials/0/secrets",
		`serviceAccount: {name: Uptake}`:                                               "/serviceAccount/name",
		`podLabels: {replicas: 1}`:                                                     "/podLabels/replicas",
		`podDisruptionBudget: {maxUnavailable: one}`:                                   "/podDisruptionBudget/maxUnavailable",
		`networkPolicy: {egress: {apiServer: {ports: [https]}}}`:                       "/networkPolicy/egress/apiServer/ports/0",
		`networkPolicy: {egress: {dns: {ports: []}}}`:                                  "/networkPolicy/egress/dns/ports",
		`allowSourceAddresses: [999.1.1.1/8]`:                                          "/allowSourceAddresses/0",
		`allowSourceAddresses: [10.0.0.0/99]`:                                          "/allowSourceAddresses/0",
		`allowSourceAddresses: ["fd00::/129"]`:                                         "/allowSourceAddresses/0",
		`podDisruptionBudget: {maxUnavailable: 101%}`:                                  "/podDisruptionBudget/maxUnavailable",
		`image: {repository: "registry.example.com/uptake@sha256:0"}`:                  "/image/repository",
		`image: {repository: "registry.example.com/uptake:v1"}`:                        "/image/repository",
		`image: {tag: "v1 foo!"}`:                                                      "/image/tag",
		`imagePullSecrets: [{name: a}, {name: a}]`:                                     "/imagePullSecrets",
		`serviceMonitor: {interval: 1.5m}`:                                             "/serviceMonitor/interval",
		`serviceMonitor: {interval: 30s1m}`:                                            "/serviceMonitor/interval",
		`priorityClassName: Foo Bar`:                                                   "/priorityClassName",
		`extraEnv: [{name: POD_NAMESPACE, value: x}]`:                                  "/extraEnv/0/name",
		`extraEnv: [{name: A, value: x}, {name: A, value: y}]`:                         "extraEnv has a name twice",
		`allowSourceAddresses: [":/0"]`:                                                "/allowSourceAddresses/0",
		`allowSourceAddresses: ["::::/64"]`:                                            "/allowSourceAddresses/0",
		`displayEvery: 99999999999h`:                                                   "/displayEvery",
		`extraArgs: [--leader-elect=false]`:                                            "/extraArgs/0",
		`image: null`:                                                                  "missing property 'image'",
		`image: {repository: null}`:                                                    "missing property 'repository'",
		`admission: null`:                                                              "missing property 'admission'",
		`podDisruptionBudget: null`:                                                    "missing property 'podDisruptionBudget'",
		`networkPolicy: {egress: {apiServer: null}}`:                                   "missing property 'apiServer'",
		`metrics: {secure: "yes"}`:                                                     "/metrics/secure",
		`metrics: null`:                                                                "missing property 'metrics'",
		`metrics: {certificateSecret: A B}`:                                            "/metrics/certificateSecret",
		`extraArgs: [--metrics-secure=false]`:                                          "/extraArgs/0",
		`extraEnv: [{name: UPTAKE_MEMORY_LIMIT, value: "1"}]`:                          "/extraEnv/0/name",
		`logLevel: null`:                                                               "missing property 'logLevel'",
		`crds: {install: null}`:                                                        "missing property 'install'", // not the same as true
		`{serviceMonitor: {enabled: true}, service: {enabled: false}}`:                 "serviceMonitor.enabled needs service.enabled",
	} {
		t.Run(values, func(t *testing.T) {
			t.Parallel()
			if said := refused(t, values); !strings.Contains(said, message) {
				t.Errorf("%q does not name %s", said, message)
			}
		})
	}
}

// What is right passes, also where it is unusual.
func TestUnusualValuesAreTaken(t *testing.T) {
	for _, values := range []string{
		`allowSourceAddresses: [0.0.0.0/0, 255.255.255.255/32, "::/0", "fd00::1/128", "::ffff:10.0.0.0/104"]`,
		`podDisruptionBudget: {maxUnavailable: 100%}`,
		`podDisruptionBudget: {maxUnavailable: 0}`,
		`image: {repository: uptake}`,
		`image: {repository: "localhost:5000/uptake"}`,
		`image: {repository: "Registry.example.com/a/b__c/d-e.f"}`,
		`image: {tag: null, digest: null}`, // as docs/upgrade.md says
		`resources: null`,
		`priorityClassName: "123"`,
		`serviceMonitor: {enabled: true, interval: 1m30s}`,
		`extraArgs: [--leader-elect-lease-duration=30s]`,
		`service: {labels: {app.kubernetes.io/name: mine}}`,
		`nodeSelector: null`,
	} {
		if o := start(t, values, os.Getenv("UPTAKE_HELM"), "template", release, chart, "--values", "-"); o.err != nil {
			t.Errorf("%s: %s", values, o.problems)
		}
	}
}

// No value that is taken away ends in an error of the template language.
func TestNullIsRefusedOrTaken(t *testing.T) {
	var defaults map[string]any
	if err := yaml.Unmarshal([]byte(readFile(t, chart+"/values.yaml")), &defaults); err != nil {
		t.Fatal(err)
	}
	paths := leaves(defaults, nil)
	for name := range defaults {
		paths = append(paths, []string{name})
	}
	for _, path := range paths {
		t.Run(strings.Join(path, "."), func(t *testing.T) {
			t.Parallel()
			values := map[string]any{"networkPolicy": map[string]any{"enabled": true}, "dashboard": map[string]any{"enabled": true}}
			if err := unstructured.SetNestedField(values, nil, path...); err != nil {
				t.Fatal(err)
			}
			o := start(t, asJSON(t, values), os.Getenv("UPTAKE_HELM"), "template", release, chart, "--values", "-")
			if o.err != nil && !strings.Contains(o.problems, "missing property '"+path[len(path)-1]+"'") {
				t.Error(o.problems)
			}
			if strings.Contains(o.out, "nil>") {
				t.Error(o.out)
			}
		})
	}
}

// A typo is refused wherever it is, and named.
func TestValuesThatDoNotExistAreRefused(t *testing.T) {
	var defaults map[string]any
	if err := yaml.Unmarshal([]byte(readFile(t, chart+"/values.yaml")), &defaults); err != nil {
		t.Fatal(err)
	}
	// Here people write names of their own.
	free := map[string]bool{"resources.requests": true, "resources.limits": true, "dashboard.labels": true}
	var visit func(values map[string]any, at string)
	visit = func(values map[string]any, at string) {
		if free[at] {
			return
		}
		t.Run("in "+at, func(t *testing.T) {
			said := refused(t, asJSON(t, inside(at, map[string]any{"replicaCuont": 3})))
			if !strings.Contains(said, "replicaCuont") {
				t.Errorf("%q does not name the value", said)
			}
		})
		for name, value := range values {
			if child, is := value.(map[string]any); is && len(child) > 0 {
				visit(child, strings.TrimPrefix(at+"."+name, "."))
			}
		}
	}
	visit(defaults, "")
}

// inside puts values below a path.
func inside(path string, values map[string]any) map[string]any {
	if path == "" {
		return values
	}
	first, rest, _ := strings.Cut(path, ".")
	return map[string]any{first: inside(rest, values)}
}

// A comment stands at each value, or above it, or above its list.
func TestEveryValueIsExplained(t *testing.T) {
	commented := false
	for line := range strings.Lines(readFile(t, chart+"/values.yaml")) {
		text := strings.TrimSpace(line)
		switch {
		case text == "":
			commented = false
		case strings.HasPrefix(text, "#"):
			commented = true
		case !strings.HasPrefix(line, " "):
			commented = commented || strings.Contains(text, " # ")
			if value := strings.TrimSpace(strings.SplitAfterN(text, ":", 2)[1]); !commented && value != "" {
				if !obvious[strings.TrimSuffix(strings.Fields(text)[0], ":")] {
					t.Errorf("nothing explains: %s", text)
				}
			}
			commented = false
		}
	}
}

// obvious are values that mean what the field of a pod of that name means.
var obvious = map[string]bool{
	"podAnnotations": true, "podLabels": true, "nodeSelector": true, "tolerations": true, "affinity": true, "priorityClassName": true,
}
