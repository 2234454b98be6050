// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"fmt"
	"slices"
	"strings"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// A query that a program has written itself can make a name of any text that a source
// answers with. Where the source does not allow that, no name is taken in that the
// program does not know already: what is not here cannot be shown, compared or stored.

// withheldName stands for a name that is not taken in.
const withheldName = "(not shown)"

// takeIn returns measurements in which names that are withheld and that the program
// does not know have stand-ins.
func takeIn(program *v1alpha1.AdoptionProgram, measurements map[string]Measurement) map[string]Measurement {
	var known map[string]bool
	taken := make(map[string]Measurement, len(measurements))
	for path, m := range measurements {
		if m.NamesWithheld && m.Segmented {
			if known == nil {
				known = knownNames(program, measurements[populationPath])
			}
			m.Rows = withStandIns(m.Rows, known)
		}
		taken[path] = m
	}
	return taken
}

// knownNames are those that a program declares, and those of its population where
// these are not withheld.
func knownNames(program *v1alpha1.AdoptionProgram, population Measurement) map[string]bool {
	known := map[string]bool{}
	for _, s := range program.Spec.Segments {
		known[string(s.Name)] = true
		for _, alias := range s.Aliases {
			known[string(alias)] = true
		}
	}
	if program.Spec.SegmentsFrom == v1alpha1.SegmentsFromPopulation && !population.NamesWithheld {
		for _, row := range population.Rows {
			known[row.Segment] = true
		}
	}
	return known
}

func withStandIns(rows []Row, known map[string]bool) []Row {
	rows = slices.Clone(rows)
	used := map[string]bool{}
	for i := range rows {
		name := rows[i].Segment
		if name == "" || known[name] {
			continue
		}
		// Words that mean a total are words of ours: a total is told from the rest by them.
		stand := folded(name)
		if !slices.Contains(totals, stand) || known[stand] || used[stand] {
			stand = fmt.Sprintf("%s %d", withheldName, i+1)
		}
		used[stand], rows[i].Segment = true, stand
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return strings.Compare(a.Segment, b.Segment) })
	return rows
}

func isWithheld(name string) bool { return strings.HasPrefix(name, withheldName) }

// howNamesAreShown is what to do where names are withheld.
const howNamesAreShown = "names that the program does not declare are not shown: declare them as segments or aliases, or ask the source's administrator for a named query, or for segmentNames: Any"
