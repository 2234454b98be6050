// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/configmap"
	suite "github.com/uptake-dev/uptake/internal/source/conformance"
	"github.com/uptake-dev/uptake/internal/source/objects"
)

// typed is what people write.
var typed = map[suite.Fault]string{
	suite.Empty:    "date,value", // and no rows
	suite.NaN:      "2026-11-01 NaN",
	suite.Inf:      "2026-11-01 Inf",
	suite.Negative: "2026-11-01 -42",
}

const key = "seats"

// configMapRig reads numbers that people typed.
func configMapRig(t *testing.T, plane *controlplane.ControlPlane) suite.Rig {
	t.Helper()
	c := theCluster(t, plane)
	cases := 0
	return suite.Rig{Name: "configmap", Play: func(t *testing.T, fault suite.Fault) suite.Case {
		cases++
		name := fmt.Sprintf("survey-%d", cases)
		text, shown := "2026-11-01 42", "a dated 42 on a real API server"
		if typed[fault] != "" {
			text, shown = typed[fault], "somebody writes "+typed[fault]
		}
		_, err := c.admin.CoreV1().ConfigMaps(c.namespace).Create(t.Context(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{key: "# " + suite.Marker + "\n" + text + "\n"},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if fault == suite.Missing {
			name, shown = "no-survey", "there is no such ConfigMap"
		}
		s := c.open(t)
		made := s.begin(fault, func(token string) source.Asker {
			return configmap.New(readerOf(t, s.config(token)), c.namespace, name, key, time.UTC, func() time.Time { return suite.Today })
		})
		switch {
		case fault == suite.SchemaChange:
			made.Begin = func() { c.change(t, name, map[string]any{key: nil, "places": text}) }
			made.Shown = "the key is renamed"
		case made.Shown == "":
			made.Shown = shown
		}
		return made
	}}
}

// readerOf makes a reader that knows what a ConfigMap is.
func readerOf(t *testing.T, config *rest.Config) client.Reader {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	web, err := objects.HTTPClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(web.CloseIdleConnections)
	reader, err := client.New(config, client.Options{HTTPClient: web, Scheme: scheme, Mapper: mapper})
	if err != nil {
		t.Fatal(err)
	}
	return reader
}
