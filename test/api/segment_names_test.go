// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const segmentRemedy = "a segment's name is text that people can see"

var segmentRules = []rule{
	{
		"a segment is named as systems name it", program,
		`segments: [{name: Human Resources}, {name: R&D}, {name: "group:default/platform"}, {name: "Zürich (人事部)"}]`, `segments: [{name: "Human Resources "}]`,
		"spec.segments[0].name", segmentRemedy,
	},
	{
		"an alias is a name", program,
		"segments: [{name: academics, aliases: [Faculty & Staff]}]", `segments: [{name: academics, aliases: [" faculty"]}]`,
		"spec.segments[0].aliases[0]", segmentRemedy,
	},
	{
		"8 aliases", program,
		"segments: [{name: a, aliases: " + many(8, "a#") + "}]", "segments: [{name: a, aliases: " + many(9, "a#") + "}]",
		"spec.segments[0].aliases", "at most 8 items",
	},
	{
		"an alias once", program,
		"segments: [{name: a, aliases: [b, c]}]", "segments: [{name: a, aliases: [b, b]}]",
		"spec.segments[0].aliases[1]", "Duplicate value",
	},
	{
		"128 characters of every script", program,
		"segments: [{name: " + strings.Repeat("部", 128) + "}]", "segments: [{name: " + strings.Repeat("部", 129) + "}]",
		"spec.segments[0].name", "may not be more than 128",
	},
	{
		"an audience is named as systems name it", phase,
		"segments: [Human Resources]", `segments: ["Human\tResources"]`,
		"spec.segments[0]", segmentRemedy,
	},
	{
		"a target's segments are named as systems name them", phase,
		`targets: [{metric: adopted, atLeast: "12", segments: [R&D]}]`, `targets: [{metric: adopted, atLeast: "12", segments: ["R&D\n"]}]`,
		"spec.targets[0].segments[0]", segmentRemedy,
	},
	{
		"a barrier's segments are named as systems name them", barrier,
		`segments: ["group:default/platform"]`, `segments: ["group:\u202edefault"]`,
		"spec.segments[0]", segmentRemedy,
	},
}

// Names that nobody could tell from others are refused wherever a segment is named.
func TestASegmentsNameIsSeen(t *testing.T) {
	c := administrator(t, plane)
	namespace := newNamespace(t, c)
	for _, name := range []string{
		" a", "a ", "a\u00a0", "\u3000a", "a\tb", "a\nb", "a\u0000b", "a\u007fb", "a\u0085b", "a\u2028b", "a\u2029b",
		"a\u200bb", "a\u200db", "a\u2060b", "a\ufeffb", "a\u202eb", "a\u2066b", "a\u00adb", "a\u3164b", "\u2800", "\U000e0041", "\ue000",
	} {
		for _, k := range []struct {
			kind
			fields, field string
		}{{program, "segments: [{name: @}]", "spec.segments[0].name"}, {phase, "segments: [@]", "spec.segments[0]"}, {barrier, "segments: [@]", "spec.segments[0]"}} {
			object := k.object(t, namespace, "bad", strings.ReplaceAll(k.fields, "@", strconv.QuoteToASCII(name)))
			err := c.Create(t.Context(), object, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
			wantRefusal(t, err, k.field, segmentRemedy)
		}
	}
	for _, name := range []string{"a", "é", "人", "3%", "-", "a b", "e\u0301", "O'Neill", `"quoted"`, "a,b", "النقل", "ไทย"} {
		object := program.object(t, namespace, "good", "segments: [{name: "+strconv.QuoteToASCII(name)+"}]")
		if err := c.Create(t.Context(), object, client.DryRunAll); err != nil {
			t.Errorf("%q is refused: %v", name, err)
		}
	}
}
