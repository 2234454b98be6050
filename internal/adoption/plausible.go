// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// Whether a number can be true: a share is no more than the whole. That what should fall
// does not fall to nothing in one answer is in fall.go.

// ofAWhole are the dimensions whose percentages are shares of a whole. Others may
// pass 100%: people may come more often, or a tool be worth more than it costs.
var ofAWhole = []v1alpha1.Dimension{
	v1alpha1.DimensionReach, v1alpha1.DimensionBreadth, v1alpha1.DimensionQuality, v1alpha1.DimensionConformance,
	v1alpha1.DimensionRetention, v1alpha1.DimensionSatisfaction, v1alpha1.DimensionRouteShare,
}

// counting are the dimensions whose plain numbers are counts.
var counting = []v1alpha1.Dimension{v1alpha1.DimensionReach, v1alpha1.DimensionRouteShare}

// isShare reports whether a metric's values cannot pass 100%.
func isShare(m *v1alpha1.Metric) bool {
	return formatOf(m) == v1alpha1.FormatPercent && slices.Contains(ofAWhole, m.Dimension)
}

// beyondWhole reports whether a share is more than the whole, not counting what arithmetic
// with fractions leaves.
func beyondWhole(m *v1alpha1.Metric, amount float64) bool {
	return isShare(m) && amount > 1+1e-9
}

// scaleProblem says that a plain percentage is on a scale of 0 to 100 where a fraction
// is expected. The scale is that of the query: one value beyond 100% tells of all.
func scaleProblem(m *v1alpha1.Metric, p *part) string {
	if m.Query == nil {
		return ""
	}
	for _, row := range p.m.Rows { // the first tells, of whichever segment it is
		if row.Unknown != "" || row.expired(p.now) || !beyondWhole(m, row.Value) {
			continue
		}
		shown := formatValue(row.Value, v1alpha1.FormatPercent, "")
		if p.discreet {
			return p.path + " answers with more than the whole: a fraction is expected (0.41 is 41%), so divide a percentage of 0 to 100 by 100 in the query"
		}
		if row.Percent {
			return fmt.Sprintf("%s has %s, and a share of a whole is at most 100%%: correct the value", p.path, shown)
		}
		return fmt.Sprintf("%s answers with %s, which would be %s: a fraction is expected (0.41 is 41%%), so divide a percentage of 0 to 100 by 100 in the query",
			p.path, strconv.FormatFloat(row.Value, 'g', 6, 64), shown)
	}
	return ""
}
