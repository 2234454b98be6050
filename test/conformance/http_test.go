// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/prometheustest"
	"github.com/uptake-dev/uptake/internal/source"
	suite "github.com/uptake-dev/uptake/internal/source/conformance"
	"github.com/uptake-dev/uptake/internal/source/httpjson"
	"github.com/uptake-dev/uptake/internal/source/prometheus"
)

var httpJSON = suite.Server{
	Name:   "httpjson",
	Driver: httpjson.New,
	At: func(settings *source.Settings, url string) {
		settings.HTTP = &v1alpha1.HTTPSource{URL: url}
	},
	Question: source.Question{HTTP: &v1alpha1.NamedHTTPQuery{HTTPQuery: v1alpha1.HTTPQuery{
		Path: "/seats", Rows: "body.teams", Value: "double(row.used)",
	}}},
	Answers: map[suite.Fault]string{
		suite.Success:      `{"note": "` + suite.Marker + `", "teams": [{"used": 40}, {"used": 2}]}`,
		suite.Empty:        `{"note": "` + suite.Marker + `", "teams": []}`,
		suite.NaN:          `{"teams": [{"used": 42}, {"used": "NaN", "note": "` + suite.Marker + `"}]}`,
		suite.Inf:          `{"teams": [{"used": 42}, {"used": "Infinity", "note": "` + suite.Marker + `"}]}`,
		suite.Negative:     `{"teams": [{"used": -42, "note": "` + suite.Marker + `"}]}`,
		suite.SchemaChange: `{"teams": [{"` + suite.Marker + `": 42}]}`,
	},
}

var prometheusAPI = suite.Server{
	Name:   "prometheus",
	Driver: prometheus.New,
	At: func(settings *source.Settings, url string) {
		settings.Prometheus = &v1alpha1.PrometheusSource{URL: url}
	},
	Question: source.Question{
		Prometheus: &v1alpha1.PrometheusQuery{Expr: "seats"},
		SegmentBy:  &v1alpha1.SegmentBy{Label: "team"},
	},
	Answers: map[suite.Fault]string{
		suite.Success:      vector(`{"team": "cart"}`, "42"),
		suite.Empty:        `{"status": "success", "data": {"resultType": "vector", "result": []}}`,
		suite.NaN:          vector(`{"team": "cart"}`, "NaN"),
		suite.Inf:          vector(`{"team": "cart"}`, "+Inf"),
		suite.Negative:     vector(`{"team": "cart"}`, "-42"),
		suite.SchemaChange: vector(`{"squad": "cart"}`, "42"),
	},
}

func vector(metric, value string) string {
	return `{"status": "success", "infos": ["` + suite.Marker + `"], "data": {"resultType": "vector", "result": [
		{"metric": ` + metric + `, "value": [1767225600, "` + value + `"]}]}}`
}

// evaluated are expressions that a real Prometheus evaluates to what is wanted.
var evaluated = map[suite.Fault]string{
	suite.Success:  `label_replace(vector(42), "note", "` + suite.Marker + `", "", "")`,
	suite.Empty:    suite.Marker,
	suite.NaN:      `label_replace(vector(0) / 0, "note", "` + suite.Marker + `", "", "")`,
	suite.Inf:      `label_replace(-vector(1) / 0, "note", "` + suite.Marker + `", "", "")`,
	suite.Negative: `label_replace(-vector(42), "note", "` + suite.Marker + `", "", "")`,
}

// prometheusRig asks a real Prometheus, which has no faults of its own: those are
// shown by something that speaks like one.
func prometheusRig(server *prometheustest.Server) suite.Rig {
	faulty := prometheusAPI.Rig()
	return suite.Rig{Name: faulty.Name, Play: func(t *testing.T, fault suite.Fault) suite.Case {
		expr := evaluated[fault]
		if expr == "" {
			return faulty.Play(t, fault)
		}
		real := prometheusAPI
		real.Question = source.Question{Prometheus: &v1alpha1.PrometheusQuery{Expr: expr}}
		return suite.Case{
			Asker:   real.Connect(t, "http://"+server.Address, suite.OldToken),
			Shown:   "a real Prometheus evaluates " + expr,
			Secrets: []string{suite.OldToken},
		}
	}}
}
