// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// rule is one thing that the schema asks for: an object that keeps it, one that
// breaks it, and how the API server says so.
type rule struct {
	name string
	of   kind
	// accepted and refused are fields of the spec that replace those of a valid
	// object; without accepted it is the valid object itself.
	accepted, refused string
	// field that the error is about, and words of its message.
	field, says string
}

// many is a YAML list of n items made from a format with their number.
func many(n int, format string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(format, "#", fmt.Sprint(i))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// metric is the field metrics with one metric that has these members as well.
func metric(members string) string {
	return "metrics: [{name: adopted, dimension: Reach, " + members + "}]"
}

const (
	configMap = "configMap: {name: numbers, key: adopted}"
	objects   = "objects: {apiVersion: apps/v1, kind: Deployment}"
	promQuery = "prometheus: {expr: up}, sourceRef: {name: prom}"

	durationRemedy   = "a number and a unit, largest unit first: 90s, 15m, 12h, 7d"
	dateRemedy       = "a date is YYYY-MM-DD (a day in the program's time zone) or RFC 3339"
	nameRemedy       = "a name has letters, digits, '-', '_' and '.'"
	objectNameRemedy = "an object's name has lower-case letters, digits, '-' and '.'"
	percentRemedy    = `from 0% to 100%, with the % sign: "90%"`
	numberRemedy     = "a value is a decimal (12, 0.5), a percentage that ends in % (60%), or a duration (4h)"
)

const selectorRemedy = "a selector has at most 32 labels and 32 expressions"

// manyLabels is a YAML map of n labels.
func manyLabels(n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf("k%d: v", i)
	}
	return "{" + strings.Join(items, ", ") + "}"
}

var programRules = []rule{
	{
		"a selector of objects is bounded", program,
		metric("query: {objects: {apiVersion: v1, kind: Pod, labelSelector: {matchLabels: " + manyLabels(32) + "}}}"),
		metric("query: {objects: {apiVersion: v1, kind: Pod, labelSelector: {matchLabels: " + manyLabels(33) + "}}}"),
		"spec.metrics[0].query.objects.labelSelector", selectorRemedy,
	},
	{
		"a selector of namespaces is bounded", program,
		metric("query: {objects: {apiVersion: v1, kind: Pod, namespaceSelector: {matchExpressions: " + many(32, "{key: k#, operator: Exists}") + "}}}"),
		metric("query: {objects: {apiVersion: v1, kind: Pod, namespaceSelector: {matchExpressions: " + many(33, "{key: k#, operator: Exists}") + "}}}"),
		"spec.metrics[0].query.objects.namespaceSelector", selectorRemedy,
	},
	{
		"a selector of sources is bounded", program,
		metric("query: {prometheus: {expr: up}, sourceSelector: {selector: {matchLabels: " + manyLabels(32) + "}}}"),
		metric("query: {prometheus: {expr: up}, sourceSelector: {selector: {matchLabels: " + manyLabels(33) + "}}}"),
		"spec.metrics[0].query.sourceSelector.selector", selectorRemedy,
	},
	// Unions.
	{
		"a query is not two things", program,
		metric("query: {" + objects + "}"), metric("query: {" + objects + ", " + configMap + "}"),
		"spec.metrics[0].query", "a query is exactly one of objects, configMap, prometheus, http, sql and named",
	},
	{
		"a query is something", program,
		metric("query: {named: {name: active}, sourceRef: {name: prom}}"), metric("query: {segmentBy: {label: team}}"),
		"spec.metrics[0].query", "a query is exactly one of",
	},
	{
		"only what has a source names one", program,
		metric("query: {" + objects + ", sourceRef: {name: east}}"), metric("query: {" + configMap + ", sourceRef: {name: prom}}"),
		"spec.metrics[0].query", "a ConfigMap is read from this cluster: leave sourceRef and sourceSelector out",
	},
	{
		"one source or several are asked", program,
		metric("query: {http: {path: /seats}, sourceSelector: {selector: {matchLabels: {env: prod}}}}"),
		metric("query: {http: {path: /seats}, sourceRef: {name: api}, sourceSelector: {selector: {matchLabels: {env: prod}}}}"),
		"spec.metrics[0].query", "a query asks one source (sourceRef) or several (sourceSelector), not both",
	},
	{
		"a source is a segment by its name", program,
		"segments: [{name: east}]\nsegmentBy: {source: Name}", "segments: [{name: east}]\nsegmentBy: {source: Label}",
		"spec.segmentBy.source", `supported values: "Name"`,
	},
	{
		"a metric is not two things", program,
		"population: {count: 40}\n" + metric("rate: {active: {"+configMap+"}}"),
		"population: {count: 40}\n" + metric("rate: {active: {"+configMap+"}}, query: {"+configMap+"}"),
		"spec.metrics[0]", "a metric is exactly one of query, rate, ratio and share",
	},
	{
		"a metric is something", program,
		metric("share: {new: {" + objects + "}, legacy: {" + objects + "}}"), metric("direction: Increase"),
		"spec.metrics[0]", "a metric is exactly one of",
	},
	{
		"a rate has its active", program,
		"", metric("rate: {}"),
		"spec.metrics[0].rate.active", "Required value",
	},
	{
		"a ratio has both sides", program,
		metric("ratio: {numerator: {" + configMap + "}, denominator: {" + configMap + "}}"), metric("ratio: {numerator: {" + configMap + "}}"),
		"spec.metrics[0].ratio.denominator", "Required value",
	},
	{
		"a share has both routes", program,
		"", metric("share: {new: {" + objects + "}}"),
		"spec.metrics[0].share.legacy", "Required value",
	},
	{
		"population is one thing", program,
		"population: {query: {" + objects + "}}", "population: {count: 40, query: {" + objects + "}}",
		"spec.population", "population is exactly one of query and count",
	},
	{
		"segmentBy is one thing", program,
		"segments: [{name: cart}]\nsegmentBy: {label: team}", "segments: [{name: cart}]\nsegmentBy: {label: team, namespaceLabel: team}",
		"spec.segmentBy", "segmentBy is exactly one of label, namespaceLabel and source",
	},

	// One field against another.
	{
		"a rate needs a population", program,
		"population: {count: 40}\n" + metric("rate: {active: {"+objects+"}}"), metric("rate: {active: {" + objects + "}}"),
		"spec.population", "a metric with rate needs population: active is divided by it",
	},
	{
		"discovered segments need a population query", program,
		"segmentsFrom: Population\nsegmentBy: {label: team}\npopulation: {query: {" + objects + "}}", "segmentsFrom: Population\npopulation: {count: 40}",
		"spec.segmentsFrom", "segmentsFrom: Population needs population.query",
	},
	{
		"segmentBy needs segments", program,
		"segmentBy: {label: team}\nsegments: [{name: cart}]", "segmentBy: {label: team}",
		"spec.segmentBy", "segmentBy needs segments: list them, or set segmentsFrom: Population",
	},
	{
		"the headline is one of the metrics", program,
		"headlineMetric: adopted", "headlineMetric: adoption",
		"spec.headlineMetric", "headlineMetric is not the name of one of the metrics",
	},
	{
		"a rate is a percentage", program,
		"population: {count: 40}\n" + metric("format: Percent, rate: {active: {"+configMap+"}}"),
		"population: {count: 40}\n" + metric("format: Number, rate: {active: {"+configMap+"}}"),
		"spec.metrics[0]", "rate and share are always percentages: leave format out",
	},
	{
		"an aggregation is of a query", program,
		metric("aggregation: Mean, query: {" + configMap + "}"),
		metric("aggregation: Mean, ratio: {numerator: {" + configMap + "}, denominator: {" + configMap + "}}"),
		"spec.metrics[0].aggregation", "rates, ratios and shares add up their parts",
	},
	{
		"scores are not added up", program,
		metric("aggregation: Sum, query: {" + configMap + "}"),
		metric("aggregation: Sum, format: Percent, query: {" + configMap + "}"),
		"spec.metrics[0].aggregation", "scores, percentages and durations are never added up",
	},
	{
		"a ratio may be a number", program,
		metric("format: Number, ratio: {numerator: {" + configMap + "}, denominator: {" + configMap + "}}"),
		metric("format: Number, share: {new: {" + objects + "}, legacy: {" + objects + "}}"),
		"spec.metrics[0]", "leave format out",
	},
	{
		"zero of a decreasing metric needs proof of life", program,
		metric("direction: Decrease, onEmpty: Zero, heartbeat: {" + promQuery + "}, query: {" + promQuery + "}"),
		metric("direction: Decrease, onEmpty: Zero, query: {" + promQuery + "}"),
		"spec.metrics[0]", "needs heartbeat: a dead exporter would look like perfection",
	},
	{
		"zero of a share needs proof of life", program,
		metric("direction: Increase, onEmpty: Zero, query: {" + promQuery + "}"),
		metric("onEmpty: Zero, share: {new: {" + promQuery + "}, legacy: {" + promQuery + "}}"),
		"spec.metrics[0]", "onEmpty: Zero on a share, or on a metric that should decrease, needs heartbeat",
	},
	{
		"the baseline of a percentage ends in %", program,
		"population: {count: 40}\n" + metric(`baseline: {value: "2%", at: "2026-12-01"}, rate: {active: {`+configMap+`}}`),
		"population: {count: 40}\n" + metric(`baseline: {value: "2"}, rate: {active: {`+configMap+`}}`),
		"spec.metrics[0]", "baseline.value ends in % exactly when the metric is a percentage: write 2% for",
	},
	{
		"the baseline of a number does not end in %", program,
		metric(`baseline: {value: "2"}, query: {` + configMap + `}`), metric(`baseline: {value: "2%"}, query: {` + configMap + `}`),
		"spec.metrics[0]", "ends in % exactly when",
	},
	{
		"a query may be a percentage", program,
		metric(`format: Percent, baseline: {value: "2%"}, query: {` + configMap + `}`), metric(`format: Percent, baseline: {value: "2"}, query: {` + configMap + `}`),
		"spec.metrics[0]", "ends in % exactly when",
	},
	{
		"Secrets are never counted", program,
		metric("query: {objects: {apiVersion: v1, kind: ConfigMap}}"), metric("query: {objects: {apiVersion: v1, kind: Secret}}"),
		"spec.metrics[0].query.objects.kind", "Secrets are never counted",
	},

	// Texts with a form.
	{
		"an interval has a unit", program,
		"interval: 90s", `interval: "90"`,
		"spec.interval", durationRemedy,
	},
	{
		"an interval is no sentence", program,
		"interval: 1d12h", "interval: 7 days",
		"spec.interval", durationRemedy,
	},
	{
		"an interval has no fraction", program,
		"interval: 2w", "interval: 1.5d",
		"spec.interval", durationRemedy,
	},
	{
		"a date has the year first", program,
		`reviewedAt: "2026-12-01"`, `reviewedAt: "01.12.2026"`,
		"spec.reviewedAt", dateRemedy,
	},
	{
		"a short date says how to write it", program,
		`reviewedAt: "2026-12-01T08:00:00Z"`, `reviewedAt: "2026-1-1"`,
		"spec.reviewedAt", dateRemedy,
	},
	{
		"a month has at most 31 days", program,
		`reviewedAt: "2026-12-31T23:59:59.5+02:00"`, `reviewedAt: "2026-12-32"`,
		"spec.reviewedAt", dateRemedy,
	},
	{
		"a moment has a time zone", program,
		`freezes: [{from: "2026-12-19T18:00:00+01:00", to: "2027-01-06", reason: Holidays, quiet: true}]`,
		`freezes: [{from: "2026-12-19T18:00:00", to: "2027-01-06", reason: Holidays, quiet: true}]`,
		"spec.freezes[0].from", dateRemedy,
	},
	{
		"a metric's name is one word", program,
		"metrics: [{name: Adopted_v1.2, dimension: Reach, query: {" + configMap + "}}]",
		"metrics: [{name: adopted services, dimension: Reach, query: {" + configMap + "}}]",
		"spec.metrics[0].name", nameRemedy,
	},
	{
		"an object's name has no capitals", program,
		"serviceAccountName: program-reader", "serviceAccountName: Program-Reader",
		"spec.serviceAccountName", objectNameRemedy,
	},
	{
		"a baseline is no prose", program,
		metric(`baseline: {value: "0.5"}, query: {` + configMap + `}`), metric(`baseline: {value: "about 12"}, query: {` + configMap + `}`),
		"spec.metrics[0].baseline.value", numberRemedy,
	},
	{
		"a link leads to a page", program,
		`links: [{type: Demo, url: "https://example.com/demo"}, {type: Support, url: "mailto:platform@example.com"}]`,
		`links: [{type: Demo, url: "javascript:alert(1)"}]`,
		"spec.links[0].url", "begins with https://, http:// or mailto:",
	},

	// Choices.
	{
		"a dimension is one of ten", program,
		"metrics: [{name: adopted, dimension: RouteShare, query: {" + configMap + "}}]",
		"metrics: [{name: adopted, dimension: Usage, query: {" + configMap + "}}]",
		"spec.metrics[0].dimension", `supported values: "Reach", "Frequency"`,
	},
	{
		"a metric has a dimension", program,
		"", "metrics: [{name: adopted, query: {" + configMap + "}}]",
		"spec.metrics[0].dimension", "Required value",
	},
	{
		"a direction is one of two", program,
		metric("direction: Decrease, query: {" + configMap + "}"), metric("direction: Down, query: {" + configMap + "}"),
		"spec.metrics[0].direction", `supported values: "Increase", "Decrease"`,
	},
	{
		"a format is one of three", program,
		metric("format: Duration, query: {" + configMap + "}"), metric("format: Percentage, query: {" + configMap + "}"),
		"spec.metrics[0].format", `supported values: "Number", "Percent", "Duration"`,
	},
	{
		"onEmpty is one of two", program,
		metric("onEmpty: Zero, query: {" + configMap + "}"), metric("onEmpty: Ignore, query: {" + configMap + "}"),
		"spec.metrics[0].onEmpty", `supported values: "Unknown", "Zero"`,
	},
	{
		"a smoothing function is one of four", program,
		metric("smooth: {over: 7d, function: Median}, query: {" + configMap + "}"), metric("smooth: {over: 7d, function: P95}, query: {" + configMap + "}"),
		"spec.metrics[0].smooth.function", `supported values: "Mean", "Min", "Max", "Median"`,
	},
	{
		"segments come from one of two places", program,
		"segmentsFrom: Declared", "segmentsFrom: Discovered",
		"spec.segmentsFrom", `supported values: "Declared", "Population"`,
	},
	{
		"a segment's mode is one of two", program,
		"segments: [{name: research, mode: OptIn}]", "segments: [{name: research, mode: Voluntary}]",
		"spec.segments[0].mode", `supported values: "Mandated", "OptIn"`,
	},
	{
		"objects or namespaces are counted", program,
		metric("query: {objects: {apiVersion: apps/v1, kind: Deployment, count: Namespaces}}"),
		metric("query: {objects: {apiVersion: apps/v1, kind: Deployment, count: Pods}}"),
		"spec.metrics[0].query.objects.count", `supported values: "Objects", "Namespaces"`,
	},
	{
		"a source is of one of two kinds", program,
		"sourceRef: {kind: ClusterUsageSource, name: prom}", "sourceRef: {kind: Prometheus, name: prom}",
		"spec.sourceRef.kind", `supported values: "UsageSource", "ClusterUsageSource"`,
	},

	// Bounds.
	{
		"a program has an objective", program,
		"", `objective: ""`,
		"spec.objective", "at least 1 chars long",
	},
	{
		"a program has a metric", program,
		"", "metrics: []",
		"spec.metrics", "at least 1 items",
	},
	{
		"24 metrics", program,
		"metrics: " + many(24, "{name: m#, dimension: Reach, query: {"+configMap+"}}"),
		"metrics: " + many(25, "{name: m#, dimension: Reach, query: {"+configMap+"}}"),
		"spec.metrics", "at most 24 items",
	},
	{
		"100 segments", program,
		"segments: " + many(100, "{name: s#}"), "segments: " + many(101, "{name: s#}"),
		"spec.segments", "at most 100 items",
	},
	{
		"16 exemptions of a segment", program,
		"segments: [{name: research, exemptions: " + many(16, "{count: 1, reason: r#, approvedBy: CIO}") + "}]",
		"segments: [{name: research, exemptions: " + many(17, "{count: 1, reason: r#, approvedBy: CIO}") + "}]",
		"spec.segments[0].exemptions", "at most 16 items",
	},
	{
		"50 freezes", program,
		"freezes: " + many(50, `{from: "2026-12-19", to: "2027-01-06", reason: r#}`),
		"freezes: " + many(51, `{from: "2026-12-19", to: "2027-01-06", reason: r#}`),
		"spec.freezes", "at most 50 items",
	},
	{
		"16 links", program,
		"links: " + many(16, `{type: Demo, url: "https://example.com/#"}`), "links: " + many(17, `{type: Demo, url: "https://example.com/#"}`),
		"spec.links", "at most 16 items",
	},
	{
		"an expression of 4 KB", program,
		metric("query: {sourceRef: {name: prom}, prometheus: {expr: " + strings.Repeat("x", 4096) + "}}"),
		metric("query: {sourceRef: {name: prom}, prometheus: {expr: " + strings.Repeat("x", 4097) + "}}"),
		"spec.metrics[0].query.prometheus.expr", "may not be more than 4096",
	},
	{
		"a condition of 4 KB", program,
		metric("query: {objects: {apiVersion: v1, kind: Pod, where: " + strings.Repeat("x", 4096) + "}}"),
		metric("query: {objects: {apiVersion: v1, kind: Pod, where: " + strings.Repeat("x", 4097) + "}}"),
		"spec.metrics[0].query.objects.where", "may not be more than 4096",
	},
	{
		"somebody is eligible", program,
		"population: {count: 1}", "population: {count: 0}",
		"spec.population.count", "greater than or equal to 1",
	},
	{
		"somebody is exempt", program,
		"segments: [{name: research, exemptions: [{count: 4, reason: Sabbatical, approvedBy: CIO}]}]",
		"segments: [{name: research, exemptions: [{count: 0, reason: Sabbatical, approvedBy: CIO}]}]",
		"spec.segments[0].exemptions[0].count", "greater than or equal to 1",
	},
	{
		"an exemption has a reason and a name", program,
		"", "segments: [{name: research, exemptions: [{count: 4, reason: Sabbatical}]}]",
		"spec.segments[0].exemptions[0].approvedBy", "Required value",
	},
	{
		"minGroupSize is not negative", program,
		"minGroupSize: 5", "minGroupSize: -1",
		"spec.minGroupSize", "greater than or equal to 0",
	},
	{
		"no two metrics of a name", program,
		"", "metrics: " + many(2, "{name: adopted, dimension: Reach, query: {"+configMap+"}}"),
		"spec.metrics[1]", "Duplicate value",
	},
	{
		"no two segments of a name", program,
		"segments: [{name: cart}, {name: media}]", "segments: [{name: cart}, {name: cart}]",
		"spec.segments[1]", "Duplicate value",
	},
}

var phaseRules = []rule{
	{
		"not both deadline and maxDuration", phase,
		`deadline: "2027-03-31"`, "deadline: \"2027-03-31\"\nmaxDuration: 8w",
		"spec", "at most one of deadline and maxDuration",
	},
	{
		"maxDuration is a duration", phase,
		"maxDuration: 8w", "maxDuration: 8 weeks",
		"spec.maxDuration", durationRemedy,
	},
	{
		"a deadline is a date", phase,
		`notBefore: "2027-01-04"`, "deadline: end of March",
		"spec.deadline", dateRemedy,
	},
	{
		"a target is not two bounds", phase,
		`targets: [{metric: adopted, atMost: "5%"}]`, `targets: [{metric: adopted, atLeast: "5%", atMost: "9%"}]`,
		"spec.targets[0]", "a target is exactly one of atLeast and atMost",
	},
	{
		"a target is a bound", phase,
		`targets: [{metric: adopted, atLeast: "0.5"}]`, "targets: [{metric: adopted}]",
		"spec.targets[0]", "a target is exactly one of",
	},
	{
		"a bound is a number", phase,
		`targets: [{metric: lead-time, atMost: 4h}]`, `targets: [{metric: adopted, atLeast: most}]`,
		"spec.targets[0].atLeast", numberRemedy,
	},
	{
		"a bound is written as a text", phase,
		`targets: [{metric: adopted, atLeast: "60"}]`, `targets: [{metric: adopted, atLeast: 60}]`,
		"spec.targets[0].atLeast", "must be of type string",
	},
	{
		"segmentShare ends in %", phase,
		`targets: [{metric: adopted, atLeast: "5", segmentShare: "60%"}]`, `targets: [{metric: adopted, atLeast: "5", segmentShare: "60"}]`,
		"spec.targets[0].segmentShare", percentRemedy,
	},
	{
		"a segmentShare of one digit ends in % as well", phase,
		`targets: [{metric: adopted, atLeast: "5", segmentShare: "5%"}]`, `targets: [{metric: adopted, atLeast: "5", segmentShare: "5"}]`,
		"spec.targets[0].segmentShare", percentRemedy,
	},
	{
		"segmentShare is at most 100%", phase,
		`targets: [{metric: adopted, atLeast: "5", segmentShare: "100%"}]`, `targets: [{metric: adopted, atLeast: "5", segmentShare: "101%"}]`,
		"spec.targets[0].segmentShare", "from 0% to 100%",
	},
	{
		"segmentShare looks at each segment", phase,
		`targets: [{metric: adopted, atLeast: "5", scope: Each, segmentShare: "90%"}]`, `targets: [{metric: adopted, atLeast: "5", scope: Overall, segmentShare: "90%"}]`,
		"spec.targets[0]", "segmentShare counts segments: use scope: Each",
	},
	{
		"a scope is one of two", phase,
		`targets: [{metric: adopted, atLeast: "5", scope: Overall}]`, `targets: [{metric: adopted, atLeast: "5", scope: All}]`,
		"spec.targets[0].scope", `supported values: "Overall", "Each"`,
	},
	{
		"a phase has a target", phase,
		"", "targets: []",
		"spec.targets", "at least 1 items",
	},
	{
		"a phase has a program", phase,
		"", "programRef: null",
		"spec.programRef", "Required value",
	},
	{
		"16 targets", phase,
		"targets: " + many(16, `{metric: m#, atLeast: "1"}`), "targets: " + many(17, `{metric: m#, atLeast: "1"}`),
		"spec.targets", "at most 16 items",
	},
	{
		"8 gates", phase,
		"gates: " + many(8, "{name: g#}"), "gates: " + many(9, "{name: g#}"),
		"spec.gates", "at most 8 items",
	},
	{
		"a gate is at one of two places", phase,
		"gates: [{name: sign-off, at: Start}]", "gates: [{name: sign-off, at: Middle}]",
		"spec.gates[0].at", `supported values: "Start", "Finish"`,
	},
	{
		"16 dependencies", phase,
		"dependsOn: " + many(16, "p#"), "dependsOn: " + many(17, "p#"),
		"spec.dependsOn", "at most 16 items",
	},
	{
		"no dependency twice", phase,
		"dependsOn: [pilot]", "dependsOn: [pilot, pilot]",
		"spec.dependsOn[1]", "Duplicate value",
	},
	{
		"100 segments of an audience", phase,
		"segments: " + many(100, "s#"), "segments: " + many(101, "s#"),
		"spec.segments", "at most 100 items",
	},
	{
		"no segment twice", phase,
		"segments: [cart]", "segments: [cart, cart]",
		"spec.segments[1]", "Duplicate value",
	},
	{
		"a hold has a length", phase,
		"hold: {for: 14d, every: 1d, missesAllowed: 2}", "hold: {every: 1d}",
		"spec.hold.for", "Required value",
	},
	{
		"misses are not negative", phase,
		"hold: {for: 14d, missesAllowed: 0}", "hold: {for: 14d, missesAllowed: -1}",
		"spec.hold.missesAllowed", "greater than or equal to 0",
	},
	{
		"at most 99 misses", phase,
		"hold: {for: 100d, missesAllowed: 99}", "hold: {for: 100d, missesAllowed: 100}",
		"spec.hold.missesAllowed", "less than or equal to 99",
	},
	{
		"a regression does one of two things", phase,
		`sustain: {margin: "5%", for: 7d, onRegression: Reopen}`, "sustain: {for: 7d, onRegression: Ignore}",
		"spec.sustain.onRegression", `supported values: "Flag", "Reopen"`,
	},
	{
		"reporting is one of three", phase,
		"reporting: Gate", "reporting: Block",
		"spec.reporting", `supported values: "Observe", "Alert", "Gate"`,
	},
	{
		"a checkpoint has dates", phase,
		`checkpoint: {achievedAt: "2026-10-01", approvals: [{gate: sign-off, by: Ada}]}`, "checkpoint: {achievedAt: yesterday}",
		"spec.checkpoint.achievedAt", dateRemedy,
	},
}

var barrierRules = []rule{
	{
		"detect is not two bounds", barrier,
		`detect: {metric: adopted, atLeast: "30%", for: 7d}`, `detect: {metric: adopted, atLeast: "30%", atMost: "40%"}`,
		"spec.detect", "detect is exactly one of atLeast and atMost",
	},
	{
		"detect is a bound", barrier,
		`detect: {metric: adopted, atMost: "30%"}`, "detect: {metric: adopted}",
		"spec.detect", "detect is exactly one of",
	},
	{
		"what has a cause has no detect", barrier,
		"cause: {type: Plateau, metric: adopted}", `{cause: {type: Plateau, metric: adopted}, detect: {metric: adopted, atMost: "30%"}}`,
		"spec", "a barrier with a cause is detected by the operator: leave detect out",
	},
	{
		"until goes with Accepted", barrier,
		`resolution: {state: Accepted, until: "2027-06-30"}`, `resolution: {state: Resolved, until: "2027-06-30"}`,
		"spec.resolution", "until goes with state: Accepted",
	},
	{
		"a resolution is one of two", barrier,
		"resolution: {state: Resolved, note: done}", "resolution: {state: Closed}",
		"spec.resolution.state", `supported values: "Resolved", "Accepted"`,
	},
	{
		"a category is one of fourteen", barrier,
		"category: LegacyRoute", "category: People",
		"spec.category", `supported values: "Awareness", "Motivation"`,
	},
	{
		"a severity is one of three", barrier,
		"severity: Blocking", "severity: High",
		"spec.severity", `supported values: "Blocking", "Major", "Minor"`,
	},
	{
		"dueBy is a date", barrier,
		`dueBy: "2027-01-29"`, "dueBy: soon",
		"spec.dueBy", dateRemedy,
	},
	{
		"escalateAfter is a duration", barrier,
		"escalateAfter: 14d", "escalateAfter: 14 d",
		"spec.escalateAfter", durationRemedy,
	},
	{
		"phases are names of objects", barrier,
		"phases: [wave-1]", "phases: [Wave 1]",
		"spec.phases[0]", objectNameRemedy,
	},
	{
		"100 phases", barrier,
		"phases: " + many(100, "p#"), "phases: " + many(101, "p#"),
		"spec.phases", "at most 100 items",
	},
	{
		"32 plays", barrier,
		"plays: " + many(32, "{action: a#}"), "plays: " + many(33, "{action: a#}"),
		"spec.plays", "at most 32 items",
	},
	{
		"a barrier has a summary", barrier,
		"", "summary: null",
		"spec.summary", "Required value",
	},
}

// sourceRules hold for both kinds of source.
func sourceRules(of kind) []rule {
	url := func(text string) string { return fmt.Sprintf("prometheus: {url: %q}", text) }
	http := func(fields string) string { return "type: HTTP\nprometheus: null\nhttp: {" + fields + "}" }
	sql := func(fields string, user bool) string {
		auth := ""
		if user {
			auth = "\nauth: {basic: {secretRef: {name: db}}}"
		}
		return "type: SQL\nprometheus: null\nsql: {engine: PostgreSQL, database: tickets, " + fields + "}" + auth
	}
	const kubernetes = "type: Kubernetes\nprometheus: null\nkubernetes: {kubeconfig: {secretKeyRef: {name: east, key: kubeconfig}}}"
	return []rule{
		{
			"the type's member is set", of,
			"", "prometheus: null",
			"spec", "set exactly the member that type names: prometheus, http, sql or kubernetes",
		},
		{
			"the type is one that is served", of,
			"", "type: Graphite",
			"spec.type", `supported values: "Prometheus", "HTTP", "SQL", "Kubernetes"`,
		},
		{
			"an address has a scheme", of,
			url("http://prometheus.monitoring:9090/base"), url("prometheus.monitoring:9090"),
			"spec.prometheus.url", "an http or https address with a host, such as https://prometheus.example.com",
		},
		{
			"an address has a scheme for the web", of,
			url("https://[2001:db8::1]:9090"), url("file:///etc/passwd"),
			"spec.prometheus.url", "an http or https address with a host",
		},
		{
			"an address has a host", of,
			"", url("https:///prometheus"),
			"spec.prometheus.url", "an http or https address with a host",
		},
		{
			"an address has no credentials", of,
			"", url("https://user:password@prometheus.example.com"),
			"spec.prometheus.url", "no credentials in the address: put them into a Secret, and write spec.auth: {basic: {secretRef: {name: SECRET}}}",
		},
		{
			"an address has no query", of,
			"", url("https://prometheus.example.com/?token=abc"),
			"spec.prometheus.url", "no query or fragment in the address: write params: [{name: NAME, value: VALUE}] beside url",
		},
		{
			"an address is the base of the API", of,
			url("https://mimir.example.com/prometheus"), url("https://mimir.example.com/prometheus/api/v1"),
			"spec.prometheus.url", "leave /api/v1 out of the address: the operator adds it",
		},
		{
			"auth is not two things", of,
			"auth: {bearer: {secretKeyRef: {name: prom, key: token}}}",
			"auth: {basic: {secretRef: {name: prom}}, bearer: {secretKeyRef: {name: prom, key: token}}}",
			"spec.auth", "auth is exactly one of basic, bearer, header and oauth2",
		},
		{
			"auth is something", of,
			"auth: {basic: {secretRef: {name: prom}}}", "auth: {}",
			"spec.auth", "auth is exactly one of",
		},
		{
			"a token has a key", of,
			"", "auth: {bearer: {secretKeyRef: {name: prom}}}",
			"spec.auth.bearer.secretKeyRef.key", "Required value",
		},
		{
			"a key is not sent in a header of the connection", of,
			"auth: {header: {name: X-API-Key, secretKeyRef: {name: api, key: key}}}",
			"auth: {header: {name: Cookie, secretKeyRef: {name: api, key: key}}}",
			"spec.auth.header.name", "this header is not for credentials",
		},
		{
			"tokens are issued at an address", of,
			"auth: {oauth2: {tokenURL: 'https://login.example.com/token', secretRef: {name: client}}}",
			"auth: {oauth2: {tokenURL: 'login.example.com', secretRef: {name: client}}}",
			"spec.auth.oauth2.tokenURL", "an http or https address with a host, such as https://login.example.com/oauth2/token",
		},
		{
			"the address of tokens has no credentials", of,
			"", "auth: {oauth2: {tokenURL: 'https://user:password@login.example.com/token', secretRef: {name: client}}}",
			"spec.auth.oauth2.tokenURL", "no credentials or fragment in the address: write secretRef: {name: SECRET}, with client_id and client_secret",
		},
		{
			"one type has one member", of,
			"", "http: {url: 'https://api.example.com'}",
			"spec", "set exactly the member that type names",
		},
		{
			"the address of an API has a host", of,
			http("url: 'https://api.example.com/v3'"), http("url: 'https:///v3'"),
			"spec.http.url", "an http or https address with a host, such as https://api.example.com",
		},
		{
			"the address of an API has no credentials", of,
			"", http("url: 'https://token@api.example.com'"),
			"spec.http.url", "no credentials in the address: put them into a Secret, and write spec.auth: {basic: {secretRef: {name: SECRET}}}",
		},
		{
			"the address of an API has no query", of,
			"", http("url: 'https://api.example.com?token=abc'"),
			"spec.http.url", "no query or fragment in the address: they belong into the path of each query",
		},
		{
			"a prefix is a path without dots", of,
			http("url: 'https://api.example.com', allowedPathPrefix: /orgs/acme.inc/"), http("url: 'https://api.example.com', allowedPathPrefix: /orgs/../admin"),
			"spec.http.allowedPathPrefix", "should match",
		},
		{
			"a prefix is a path", of,
			"", http("url: 'https://api.example.com', allowedPathPrefix: 'https://evil.example.com'"),
			"spec.http.allowedPathPrefix", "should match",
		},
		{
			"headers are not for credentials", of,
			http("url: 'https://api.example.com', headers: [{name: X-GitHub-Api-Version, value: '2026-03-10'}]"),
			http("url: 'https://api.example.com', headers: [{name: authorization, value: Bearer abc}]"),
			"spec.http.headers[0].name", "this header is the operator's: credentials belong in auth",
		},
		{
			"a header is one line", of,
			"", http(`url: 'https://api.example.com', headers: [{name: X-A, value: "a\nHost: evil"}]`),
			"spec.http.headers[0].value", "should match",
		},
		{
			"files are on hosts", of,
			http("url: 'https://api.example.com', downloadHosts: ['*.blob.example.com', 'files.example.com:8443']"),
			http("url: 'https://api.example.com', downloadHosts: ['https://files.example.com']"),
			"spec.http.downloadHosts[0]", "should match",
		},
		{
			"a star is within the first of three labels", of,
			http("url: 'https://api.example.com', downloadHosts: ['copilot-reports-*.b01.azurefd.net', '*-files.example.com']"),
			http("url: 'https://api.example.com', downloadHosts: ['reports.*.example.com']"),
			"spec.http.downloadHosts[0]", "should match",
		},
		{
			"a domain of the whole world is none", of,
			"", http("url: 'https://api.example.com', downloadHosts: ['*.com']"),
			"spec.http.downloadHosts[0]", "should match",
		},
		{
			"an answer is read up to a size", of,
			http("url: 'https://api.example.com', maxResponseSize: 16Mi"), http("url: 'https://api.example.com', maxResponseSize: 17Mi"),
			"spec.http.maxResponseSize", "a size from 1Ki to 16Mi, such as 512Ki or 4Mi",
		},
		{
			"an answer of Prometheus is read up to a size", of,
			"prometheus: {url: 'https://prometheus.example.com', maxResponseSize: 1Ki}", "prometheus: {url: 'https://prometheus.example.com', maxResponseSize: 17Ki5}",
			"spec.prometheus.maxResponseSize", "a size from 1Ki to 16Mi, such as 512Ki or 4Mi",
		},
		{
			"what is asked is no parameter of the source", of,
			"prometheus: {url: 'https://prometheus.example.com', params: [{name: namespace, value: shop}, {name: 'extra_filters[]', value: '{a=\"b\"}'}]}",
			"prometheus: {url: 'https://prometheus.example.com', params: [{name: query, value: up}]}",
			"spec.prometheus.params[0].name", "this parameter is the operator's: it says what is asked, and for when",
		},
		{
			"the address of Prometheus is the base of what people look at, too", of,
			"", url("https://prometheus.example.com/graph"),
			"spec.prometheus.url", "leave /api/v1 out of the address: the operator adds it; and /graph, which is for people",
		},
		{
			"the address of Prometheus is not that of a query", of,
			"", url("https://prometheus.example.com/api/v1/query"),
			"spec.prometheus.url", "leave /api/v1 out of the address",
		},
		{
			"any host is none", of,
			"", http("url: 'https://api.example.com', downloadHosts: ['*']"),
			"spec.http.downloadHosts[0]", "should match",
		},
		{
			"a database has a user", of,
			sql("host: db.example.com", true), sql("host: db.example.com", false),
			"spec", "a database needs auth.basic: a Secret with the keys username and password",
		},
		{
			"a database is not a socket", of,
			sql("host: 192.0.2.7", true), sql("host: /var/run/postgresql", true),
			"spec.sql.host", "should match",
		},
		{
			"a database is one of two kinds", of,
			"", strings.Replace(sql("host: db.example.com", true), "PostgreSQL", "Oracle", 1),
			"spec.sql.engine", `supported values: "PostgreSQL", "MySQL"`,
		},
		{
			"a kubeconfig authenticates by itself", of,
			kubernetes, kubernetes + "\nauth: {bearer: {secretKeyRef: {name: prom, key: token}}}",
			"spec", "the kubeconfig says how to authenticate and whom to trust: leave auth and tls out",
		},
		{
			"a named query is in one language", of,
			"queries: [{name: q, sql: {statement: SELECT 1 AS value}}]", "queries: [{name: q}]",
			"spec.queries[0]", "a named query is exactly one of prometheus, http, sql and objects",
		},
		{
			"a body is posted", of,
			"queries: [{name: q, http: {path: /q, method: POST, body: '{}'}}]", "queries: [{name: q, http: {path: /q, body: '{}'}}]",
			"spec.queries[0].http", "a body goes with method: POST",
		},
		{
			"pages are turned in one way", of,
			"queries: [{name: q, http: {path: /q, method: POST, body: '{}', pagination: {cursor: body.next}}}]",
			"queries: [{name: q, http: {path: /q, method: POST, body: '{}', pagination: {cursor: body.next, next: body.next}}}]",
			"spec.queries[0].http.pagination", "pagination is exactly one of next and cursor",
		},
		{
			"a cursor goes into a body", of,
			"", "queries: [{name: q, http: {path: /q, pagination: {cursor: body.next}}}]",
			"spec.queries[0].http", "pagination.cursor is for a body: set method: POST and body",
		},
		{
			"keys are counted or numbers added up", of,
			"queries: [{name: q, http: {path: /q, distinct: row.user, complete: '!body.incomplete'}}]",
			"queries: [{name: q, http: {path: /q, distinct: row.user, value: row.n}}]",
			"spec.queries[0].http", "distinct counts keys and value adds up numbers: set one of them",
		},
		{
			"a parameter has a name that expressions can use", of,
			"queries: [{name: q, parameters: [{name: team_1}], prometheus: {expr: up}}]", "queries: [{name: q, parameters: [{name: the-team}], prometheus: {expr: up}}]",
			"spec.queries[0].parameters[0].name", "should match",
		},
		{
			"an authority comes from one place", of,
			"tls: {ca: {configMapKeyRef: {name: ca, key: ca.crt}}}",
			"tls: {ca: {configMapKeyRef: {name: ca, key: ca.crt}, secretKeyRef: {name: ca, key: ca.crt}}}",
			"spec.tls.ca", "ca is exactly one of configMapKeyRef and secretKeyRef",
		},
		{
			"a timeout is a duration", of,
			"timeout: 10s", "timeout: 10",
			"spec.timeout", "must be of type string",
		},
		{
			"at least one request at once", of,
			"maxConcurrent: 1", "maxConcurrent: 0",
			"spec.maxConcurrent", "greater than or equal to 1",
		},
		{
			"at most 64 requests at once", of,
			"maxConcurrent: 64", "maxConcurrent: 65",
			"spec.maxConcurrent", "less than or equal to 64",
		},
		{
			"credentials go over https", of,
			"prometheus: {url: 'http://prometheus.example.com'}\nallowPlaintext: true\nauth: {bearer: {secretKeyRef: {name: s, key: k}}}",
			"prometheus: {url: 'http://prometheus.example.com'}\nauth: {bearer: {secretKeyRef: {name: s, key: k}}}",
			"spec", "over http:// everybody on the way reads credentials: use https, or set allowPlaintext: true",
		},
		{
			"credentials go over https, however that is written", of,
			"type: HTTP\nprometheus: null\nhttp: {url: 'HTTPS://api.example.com'}\nauth: {basic: {secretRef: {name: s}}}",
			"type: HTTP\nprometheus: null\nhttp: {url: 'HTTP://api.example.com'}\nallowPlaintext: false\nauth: {basic: {secretRef: {name: s}}}",
			"spec", "over http:// everybody on the way reads credentials",
		},
		{
			"without credentials http will do", of,
			"prometheus: {url: 'http://prometheus.example.com'}", "prometheus: {url: 'ftp://prometheus.example.com'}",
			"spec.prometheus.url", "an http or https address with a host",
		},
		{
			"a client's secret goes over https", of,
			"auth: {oauth2: {tokenURL: 'http://login.example.com', secretRef: {name: s}}}\nallowPlaintext: true",
			"auth: {oauth2: {tokenURL: 'http://login.example.com', secretRef: {name: s}}}",
			"spec", "over http:// everybody on the way reads client_secret: use https in tokenURL, or set allowPlaintext: true",
		},
		{
			"a password goes over TLS", of,
			"type: SQL\nprometheus: null\nsql: {engine: MySQL, host: db, database: d, tlsMode: Disabled}\nauth: {basic: {secretRef: {name: s}}}\nallowPlaintext: true",
			"type: SQL\nprometheus: null\nsql: {engine: MySQL, host: db, database: d, tlsMode: Disabled}\nauth: {basic: {secretRef: {name: s}}}",
			"spec", "without TLS everybody on the way reads the password: leave tlsMode out, or set allowPlaintext: true",
		},
		{
			"names of segments are those that are declared, or any", of,
			"segmentNames: Any", "segmentNames: All",
			"spec.segmentNames", `supported values: "Declared", "Any"`,
		},
		{
			"ad hoc queries are allowed or denied", of,
			"adHoc: Denied", "adHoc: Never",
			"spec.adHoc", `supported values: "Allowed", "Denied"`,
		},
		{
			"100 named queries", of,
			"queries: " + many(100, "{name: q#, prometheus: {expr: up}}"), "queries: " + many(101, "{name: q#, prometheus: {expr: up}}"),
			"spec.queries", "at most 100 items",
		},
		{
			"no two named queries of a name", of,
			"", "queries: " + many(2, "{name: active, prometheus: {expr: up}}"),
			"spec.queries[1]", "Duplicate value",
		},
	}
}

var clusterSourceRules = []rule{
	{
		"a cluster's source says for whom it is", clusterSource,
		"", "allowedNamespaces: null",
		"spec.allowedNamespaces", "Required value",
	},
	{
		"Selector has a selector", clusterSource,
		"allowedNamespaces: {from: Selector, selector: {matchLabels: {team: cart}}}", "allowedNamespaces: {from: Selector}",
		"spec.allowedNamespaces", "selector is set exactly when from is Selector",
	},
	{
		"All has no selector", clusterSource,
		"allowedNamespaces: {from: All}", "allowedNamespaces: {from: All, selector: {matchLabels: {team: cart}}}",
		"spec.allowedNamespaces", "selector is set exactly when from is Selector",
	},
	{
		"a selector of namespaces is bounded", clusterSource,
		"allowedNamespaces: {from: Selector, selector: {matchLabels: " + manyLabels(32) + ", matchExpressions: " + many(32, "{key: k#, operator: Exists}") + "}}",
		"allowedNamespaces: {from: Selector, selector: {matchLabels: " + manyLabels(33) + "}}",
		"spec.allowedNamespaces.selector", selectorRemedy,
	},
	{
		"namespaces are allowed in one of two ways", clusterSource,
		"", "allowedNamespaces: {from: Same}",
		"spec.allowedNamespaces.from", `supported values: "All", "Selector"`,
	},
}

func allRules() []rule {
	return slices.Concat(programRules, segmentRules, phaseRules, barrierRules, sourceRules(source), sourceRules(clusterSource), clusterSourceRules)
}

func TestWhatTheServerAcceptsAndRefuses(t *testing.T) {
	c := administrator(t, plane)
	namespace := newNamespace(t, c)
	for _, rule := range allRules() {
		t.Run(rule.of.name+"/"+rule.name, func(t *testing.T) {
			good := rule.of.object(t, namespace, "good", rule.accepted)
			if err := c.Create(t.Context(), good, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
				t.Errorf("refused, and should be accepted: %v", err)
			}
			bad := rule.of.object(t, namespace, "bad", rule.refused)
			wantRefusal(t, c.Create(t.Context(), bad, client.DryRunAll), rule.field, rule.says)
		})
	}
}

// wantRefusal checks that an error is about a field and says what to do.
func wantRefusal(t *testing.T, err error, field, says string) {
	t.Helper()
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		t.Fatalf("not refused as invalid: %v", err)
	}
	found := false
	for _, cause := range status.Status().Details.Causes {
		switch {
		case cause.Field == "<nil>": // the server has not checked the rest
		case cause.Field == field && strings.Contains(cause.Message, says):
			found = true
		default:
			t.Errorf("one mistake makes a second message: %s: %s", cause.Field, cause.Message)
		}
	}
	if !found {
		t.Errorf("the error is not about %s with the words %q:\n%v", field, says, err)
	}
}

// Every message that somebody wrote into the schema is read by a test, so that
// a rule cannot be added without an object that keeps it and one that breaks it.
func TestEveryRuleOfTheSchemaHasItsCase(t *testing.T) {
	asserted := []string{"programRef is immutable", "cause is set by the operator"} // see below
	for _, rule := range allRules() {
		asserted = append(asserted, rule.says)
	}
	for _, k := range kinds {
		for path, message := range ruleMessages(schemaOf(t, k), "") {
			if !slices.ContainsFunc(asserted, func(says string) bool { return strings.Contains(message, says) }) {
				t.Errorf("%s%s: no case for the rule %q", k.name, path, message)
			}
			if len(message) > 140 {
				t.Errorf("%s%s: %d characters are too long a message: %q", k.name, path, len(message), message)
			}
		}
	}
}

// ruleMessages collects the messages of the rules of a schema by their path.
func ruleMessages(schema map[string]any, path string) map[string]string {
	found := map[string]string{}
	rules, _, _ := unstructured.NestedSlice(schema, "x-kubernetes-validations")
	for i, r := range rules {
		message, _, _ := unstructured.NestedString(r.(map[string]any), "message")
		found[fmt.Sprintf("%s (rule %d)", path, i)] = message
	}
	properties, _, _ := unstructured.NestedMap(schema, "properties")
	for name, property := range properties {
		maps.Copy(found, ruleMessages(property.(map[string]any), path+"."+name))
	}
	if items, ok, _ := unstructured.NestedMap(schema, "items"); ok {
		maps.Copy(found, ruleMessages(items, path+"[]"))
	}
	return found
}

func TestWhatIsWrittenOnceStays(t *testing.T) {
	c := administrator(t, plane)
	namespace := newNamespace(t, c)
	for remedy, k := range map[string]kind{
		"create a phase of another name, with spec.checkpoint: {startedAt: DATE}": phase,
		"delete the barrier": barrier,
	} {
		t.Run(k.name+"/programRef", func(t *testing.T) {
			object := k.create(t, c, namespace, "moves", "")
			if err := unstructured.SetNestedField(object.Object, "another", "spec", "programRef", "name"); err != nil {
				t.Fatal(err)
			}
			wantRefusal(t, c.Update(t.Context(), object), "spec.programRef", "programRef is immutable: "+remedy)
		})
	}
	t.Run("a cause cannot be changed", func(t *testing.T) {
		object := barrier.create(t, c, namespace, "opened", "cause: {type: Plateau, metric: adopted}")
		if err := unstructured.SetNestedField(object.Object, "reach", "spec", "cause", "metric"); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, c.Update(t.Context(), object), "spec", "cause is set by the operator when it opens a barrier, and immutable")
	})
	t.Run("a cause cannot be taken out", func(t *testing.T) {
		object := barrier.create(t, c, namespace, "opened-2", "cause: {type: Plateau, metric: adopted}")
		unstructured.RemoveNestedField(object.Object, "spec", "cause")
		wantRefusal(t, c.Update(t.Context(), object), "spec", "cause is set by the operator")
	})
	t.Run("a cause cannot be added", func(t *testing.T) {
		object := barrier.create(t, c, namespace, "reported", "")
		cause := map[string]any{"type": "Plateau", "metric": "adopted"}
		if err := unstructured.SetNestedMap(object.Object, cause, "spec", "cause"); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, c.Update(t.Context(), object), "spec", "cause is set by the operator")
	})
	t.Run("people may change the rest of an opened barrier", func(t *testing.T) {
		object := barrier.create(t, c, namespace, "opened-3", "cause: {type: Plateau, metric: adopted}")
		if err := unstructured.SetNestedField(object.Object, "network team", "spec", "owner"); err != nil {
			t.Fatal(err)
		}
		if err := c.Update(t.Context(), object); err != nil {
			t.Error(err)
		}
	})
}

// A typo is told by name, at every depth.
func TestAnUnknownFieldIsNamed(t *testing.T) {
	c := administrator(t, plane)
	namespace := newNamespace(t, c)
	for _, test := range []struct {
		of     kind
		fields string
		names  string
	}{
		{program, "timezone: Europe/Zurich", "spec.timezone"},
		{program, metric("query: {" + configMap + "}, stalAfter: 6h"), "spec.metrics[0].stalAfter"},
		{program, metric("query: {objects: {apiVersion: v1, kind: Pod, namespace: cart}}"), "spec.metrics[0].query.objects.namespace"},
		{phase, `targets: [{metric: adopted, atleast: "12"}]`, "spec.targets[0].atleast"},
		{phase, "hold: {for: 14d, misses: 2}", "spec.hold.misses"},
		{barrier, "due: 2027-01-29", "spec.due"},
		{source, "auth: {bearer: {secretKeyRef: {name: prom, key: token, namespace: vault}}}", "spec.auth.bearer.secretKeyRef.namespace"},
		{clusterSource, "allowedNamespaces: {from: All, names: [cart]}", "spec.allowedNamespaces.names"},
	} {
		t.Run(test.names, func(t *testing.T) {
			object := test.of.object(t, namespace, "typo", test.fields)
			err := c.Create(t.Context(), object, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
			if want := fmt.Sprintf("unknown field %q", test.names); !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not say %s: %v", want, err)
			}
		})
	}
}

// A credential in an address is refused, and not printed into terminals and logs.
func TestWhatIsRefusedOfAnAddressIsNotPrinted(t *testing.T) {
	c := administrator(t, plane)
	namespace := newNamespace(t, c)
	for name, fields := range map[string]string{
		"prometheus":       "prometheus: {url: 'https://me:hunter2@prometheus.example.com'}",
		"a query":          "prometheus: {url: 'https://prometheus.example.com?token=hunter2'}",
		"an API":           "type: HTTP\nprometheus: null\nhttp: {url: 'https://me:hunter2@api.example.com'}",
		"an API's query":   "type: HTTP\nprometheus: null\nhttp: {url: 'https://api.example.com?token=hunter2'}",
		"tokens elsewhere": "auth: {oauth2: {tokenURL: 'https://me:hunter2@login.example.com', secretRef: {name: s}}}",
	} {
		err := c.Create(t.Context(), source.object(t, namespace, "printed", fields))
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "in the address: ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
