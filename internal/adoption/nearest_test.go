// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// A name is offered when somebody may have meant it; otherwise what there is.
func TestANearNameIsOfferedAndNoOther(t *testing.T) {
	for _, test := range []struct {
		name  string
		names []string
		says  string
	}{
		{"faculty", []string{"students", "staff"}, `there is no segment "faculty"; there are staff, students`},
		{"stuff", []string{"students", "staff"}, `there is no segment "stuff"; the nearest name is "staff"`},
		{"hapy", []string{"happy"}, `the nearest name is "happy"`},
		{"Staff", []string{"staff"}, `the nearest name is "staff"`},
		{"Human Resource", []string{"Human Resources"}, `the nearest name is "Human Resources"`},
		{"人事部", []string{"人事課"}, `the nearest name is "人事課"`},
		{"hr", []string{"it"}, `there is no segment "hr"; there is it`},
		{"x", []string{"y"}, "; there is y"},
		{"research", []string{"a", "b", "c", "d", "e", "f", "g"}, "; there are a, b, c, d, e, +2"},
		{"research", []string{"Sales, Marketing", "HR"}, `; there are HR, "Sales, Marketing"`},
		{"research", nil, ", and none with another name either"},
	} {
		if got := notFound("segment", test.name, test.names); !strings.HasSuffix(got, test.says) {
			t.Errorf("%s among %v: %s", test.name, test.names, got)
		}
	}
}

func TestANumberWithoutItsPercentSign(t *testing.T) {
	for text, says := range map[string]string{
		"0.8":  `write "80%" (or "0.8%" if you really mean less than one percent)`,
		"0.07": `write "7%" (or "0.07%" if you really mean less than one percent)`,
		"1":    `write "100%" (or "1%" if you really mean one percent)`,
		"0.29": `write "29%" (or "0.29%" if you really mean less than one percent)`,
		"50":   `write "50%"`, "1.5": `write "1.5%"`, "0": `write "0%"`, "-1": `write "-1%"`,
	} {
		_, err := ParseNumber(text, v1alpha1.FormatPercent)
		if err == nil || !strings.HasSuffix(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
