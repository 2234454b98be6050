// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/databasetest"
	"github.com/uptake-dev/uptake/internal/prometheustest"
	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/configmap"
	suite "github.com/uptake-dev/uptake/internal/source/conformance"
	"github.com/uptake-dev/uptake/internal/source/objects"
)

func TestNothingIsBelievedThatAnAnswerDoesNotSay(t *testing.T) {
	all := theServers(t)
	fmt.Println("Report: what comes of what answers hold, by driver")
	suite.RunContents(t, os.Stdout,
		prometheusContents(all.prometheus),
		httpContents(),
		databaseContents("postgresql", all.databases[v1alpha1.SQLEnginePostgreSQL], postgreSQL),
		databaseContents("mariadb", all.databases[v1alpha1.SQLEngineMySQL], mariaDB),
		objectContents("kubernetes", theCluster(t, all.plane)),
		objectContents("objects", theCluster(t, all.plane)),
		configMapContents(theCluster(t, all.plane)),
	)
}

// labelled is an expression with one series of a number.
func labelled(number, label, value string) string {
	return fmt.Sprintf(`label_replace(vector(%s), "%s", "%s", "", "")`, number, label, value)
}

func prometheusContents(server *prometheustest.Server) suite.ContentRig {
	said := map[suite.Content]string{
		suite.Partial: `{"status": "success", "isPartial": true, "data": {"resultType": "vector", "result": [{"metric": {"team": "cart"}, "value": [1, "42"]}]}}`,
		suite.NullRow: `{"status": "success", "data": {"resultType": "vector", "result": [{"metric": {"team": "cart"}, "value": [1, "42"]}, null]}}`,
	}
	evaluated := map[suite.Content]string{
		suite.OfNobody:   labelled("42", "team", "cart") + " or vector(7)",
		suite.Padded:     labelled("42", "team", " cart\u00a0"),
		suite.Duplicate:  `label_replace(` + labelled("40", "team", "cart") + `, "zone", "a", "", "") or label_replace(` + labelled("2", "team", "cart") + `, "zone", "b", "", "")`,
		suite.OutOf100:   labelled("41.3", "team", "cart"),
		suite.FallToZero: labelled("0", "team", "cart"),
		suite.Renamed:    labelled("42", "squad", "cart"),
	}
	return suite.ContentRig{Name: "prometheus", Say: func(t *testing.T, content suite.Content) suite.ContentCase {
		asked, url, shown := prometheusAPI, "http://"+server.Address, "a real Prometheus evaluates "+evaluated[content]
		if body := said[content]; body != "" {
			url, shown = saying(t, body), "a body that says it"
		}
		asked.Question.Prometheus = &v1alpha1.PrometheusQuery{Expr: evaluated[content] + " "}
		return suite.ContentCase{Asker: asked.Connect(t, url, suite.OldToken), Shown: shown}
	}}
}

func saying(t *testing.T, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	t.Cleanup(server.Close)
	return server.URL
}

func httpContents() suite.ContentRig {
	said := map[suite.Content]string{
		suite.Partial:    `{"whole": false, "rows": [{"team": "cart", "n": 42}]}`,
		suite.NullRow:    `{"whole": true, "rows": [{"team": "cart", "n": 42}, null]}`,
		suite.OfNobody:   `{"whole": true, "rows": [{"team": "cart", "n": 42}, {"team": null, "n": 4}, {"team": "", "n": 3}]}`,
		suite.Padded:     `{"whole": true, "rows": [{"team": " cart  ", "n": 42}]}`,
		suite.Duplicate:  `{"whole": true, "rows": [{"team": "cart", "n": 40}, {"team": "cart", "n": 2}]}`,
		suite.OutOf100:   `{"whole": true, "rows": [{"team": "cart", "n": 41.3}]}`,
		suite.FallToZero: `{"whole": true, "rows": [{"team": "cart", "n": 0}]}`,
		suite.Renamed:    `{"whole": true, "rows": [{"squad": "cart", "n": 42}]}`,
	}
	return suite.ContentRig{Name: "httpjson", Say: func(t *testing.T, content suite.Content) suite.ContentCase {
		asked := httpJSON
		asked.Question = source.Question{HTTP: &v1alpha1.NamedHTTPQuery{HTTPQuery: v1alpha1.HTTPQuery{
			Rows: "body.rows", Segment: "row.team", Value: "row.n", Complete: "body.whole",
		}}}
		return suite.ContentCase{Asker: asked.Connect(t, saying(t, said[content]), suite.OldToken), Shown: said[content]}
	}}
}

func databaseContents(name string, server *databasetest.Server, in dialect) suite.ContentRig {
	asked := map[suite.Content]string{
		suite.NullRow:    "SELECT 'cart' AS segment, 42 AS value UNION ALL SELECT NULL, NULL",
		suite.OfNobody:   "SELECT 'cart' AS segment, 42 AS value UNION ALL SELECT NULL, 4 UNION ALL SELECT '', 3",
		suite.Padded:     "SELECT ' cart    ' AS segment, 42 AS value",
		suite.Duplicate:  "SELECT 'cart' AS segment, 40 AS value UNION ALL SELECT 'cart', 2",
		suite.OutOf100:   "SELECT 'cart' AS segment, 41.3 AS value",
		suite.FallToZero: "SELECT 'cart' AS segment, 0 AS value",
		suite.Renamed:    "SELECT 'cart' AS squad, 42 AS value",
	}
	return suite.ContentRig{Name: name, Say: func(t *testing.T, content suite.Content) suite.ContentCase {
		if asked[content] == "" {
			return suite.ContentCase{Never: "a statement ends with all its rows or with an error; what the user may not see, nobody can tell"}
		}
		on := openTable(t, server, in, "content")
		return suite.ContentCase{Asker: on.asking(asked[content], suite.OldToken, v1alpha1.TLSModeVerifyFull), Shown: asked[content]}
	}}
}

// neverOfObjects says what the API server sees to.
var neverOfObjects = map[suite.Content]string{
	suite.Partial:  "a watch is of all objects or fails",
	suite.NullRow:  "no object is null",
	suite.Padded:   "the API server refuses a label with space around it",
	suite.OutOf100: "what is counted is a whole number",
}

func objectContents(name string, c cluster) suite.ContentRig {
	return suite.ContentRig{Name: name, Say: func(t *testing.T, content suite.Content) suite.ContentCase {
		if why := neverOfObjects[content]; why != "" {
			return suite.ContentCase{Never: why}
		}
		label, unlabelled, count := "team", 0, suite.Number
		switch content {
		case suite.OfNobody:
			unlabelled = 7
		case suite.FallToZero:
			count = 0
		case suite.Renamed:
			label = "squad"
		default: // as it is
		}
		of := fmt.Sprintf("%s-%d", c.namespace, slices.Index(suite.Contents, content))
		c.make(t, of, count, map[string]string{label: suite.Team})
		c.make(t, of+"-unlabelled", unlabelled, nil, of)
		query := v1alpha1.ObjectsQuery{APIVersion: "v1", Kind: "ConfigMap", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{counted: of}}}
		return suite.ContentCase{
			Asker: c.counting(t, name, query),
			Shown: fmt.Sprintf("%d objects with the label %s, %d without", count, label, unlabelled),
		}
	}}
}

// make makes ConfigMaps that are counted, by their own name or another.
func (c cluster) make(t *testing.T, name string, count int, labels map[string]string, by ...string) {
	t.Helper()
	all := map[string]string{counted: append(by, name)[0]}
	maps.Copy(all, labels)
	for i := range count {
		_, err := c.admin.CoreV1().ConfigMaps(c.namespace).Create(t.Context(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", name, i), Labels: all},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// counting asks by a kubeconfig, or as the operator itself.
func (c cluster) counting(t *testing.T, name string, query v1alpha1.ObjectsQuery) source.Asker {
	t.Helper()
	s, by := c.open(t), &v1alpha1.SegmentBy{Label: "team"}
	if name == "kubernetes" {
		return suite.Asker(t, objects.Connect, source.Settings{
			Name: "UsageSource/test/kubernetes", Guard: suite.Loopback, Now: time.Now,
			Credentials: source.Credentials{Kubeconfig: s.kubeconfig(suite.OldToken)},
		}, source.Question{Objects: &query, SegmentBy: by})
	}
	counter, err := objects.New(s.config(suite.OldToken), objects.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(counter.Close)
	asker, err := counter.Query(query, by)
	if err != nil {
		t.Fatal(err)
	}
	return asker
}

func configMapContents(c cluster) suite.ContentRig {
	typed := map[suite.Content]string{
		suite.NullRow:    "date,segment,value\n2026-11-01,cart,42\n2026-11-01,media,\n",
		suite.OfNobody:   "date,segment,value\n2026-11-01,cart,42\n2026-11-01,,4\n2026-11-01,,3\n",
		suite.Padded:     "date,segment,value\n2026-11-01,\u00a0cart ,42\n",
		suite.Duplicate:  "date,segment,value\n2026-11-01,cart,40\n2026-11-01,cart,2\n",
		suite.OutOf100:   "date,segment,value\n2026-11-01,cart,41.3\n",
		suite.FallToZero: "date,segment,value\n2026-11-01,cart,0\n",
		suite.Renamed:    "date,squad,value\n2026-11-01,cart,42\n",
	}
	return suite.ContentRig{Name: "configmap", Say: func(t *testing.T, content suite.Content) suite.ContentCase {
		text := typed[content]
		if text == "" {
			return suite.ContentCase{Never: "nothing says how many rows people meant to enter"}
		}
		name := fmt.Sprintf("content-%d", slices.Index(suite.Contents, content))
		_, err := c.admin.CoreV1().ConfigMaps(c.namespace).Create(t.Context(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{key: text},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		reader := readerOf(t, c.open(t).config(suite.OldToken))
		return suite.ContentCase{
			Asker: configmap.New(reader, c.namespace, name, key, time.UTC, func() time.Time { return suite.Today }),
			Shown: fmt.Sprintf("somebody writes %q", text),
		}
	}}
}
