// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// Table is what each driver made of each fault.
type Table struct {
	drivers []string
	cells   map[place]cell
}

type place struct {
	driver string
	fault  Fault
}

type cell struct {
	// outcome is in the table, shown below it.
	outcome, shown string
	// renewed is what came with the new credential (Rotated).
	renewed string
}

// Print writes the table, and how each fault was shown. A cell that is empty fails
// the test: nothing is left out.
func (table *Table) Print(t *testing.T, to io.Writer) {
	t.Helper()
	for _, hole := range table.holes() {
		t.Errorf("%s was not shown %q", hole.driver, hole.fault)
	}
	var text strings.Builder
	text.WriteString("\nWhat each driver makes of each fault\n\n")
	table.writeCells(&text)
	text.WriteString("\nHow each fault is shown\n\n")
	table.writeNotes(&text)
	if _, err := io.WriteString(to, text.String()); err != nil {
		t.Error(err)
	}
}

func (table *Table) holes() []place {
	var holes []place
	for _, driver := range table.drivers {
		for _, fault := range Faults {
			if at := (place{driver, fault}); table.cells[at].isEmpty(fault) {
				holes = append(holes, at)
			}
		}
	}
	return holes
}

func (c cell) isEmpty(fault Fault) bool {
	return c.outcome == "" || c.shown == "" || (fault == Rotated && c.renewed == "")
}

// writeCells writes a line for each fault, with a column for each driver.
func (table *Table) writeCells(to *strings.Builder) {
	lines := [][]string{append([]string{""}, table.drivers...)}
	for _, fault := range Faults {
		line, renewed := []string{string(fault)}, []string{"  and the new one"}
		for _, driver := range table.drivers {
			at := table.cells[place{driver, fault}]
			line, renewed = append(line, at.outcome), append(renewed, at.renewed)
		}
		lines = append(lines, line)
		if fault == Rotated {
			lines = append(lines, renewed)
		}
	}
	widths := make([]int, len(table.drivers)+1)
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], len(text))
		}
	}
	for i, line := range lines {
		var row strings.Builder
		for i, text := range line {
			fmt.Fprintf(&row, "%-*s  ", widths[i], text)
		}
		to.WriteString(strings.TrimRight(row.String(), " ") + "\n")
		if i == 0 {
			for _, width := range widths {
				to.WriteString(strings.Repeat("-", width) + "  ")
			}
			to.WriteString("\n")
		}
	}
}

// writeNotes writes how each fault was shown, once for all drivers that were shown
// it in the same way.
func (table *Table) writeNotes(to *strings.Builder) {
	for _, fault := range Faults {
		var ways []string
		who := map[string][]string{}
		for _, driver := range table.drivers {
			shown := table.cells[place{driver, fault}].shown
			if !slices.Contains(ways, shown) {
				ways = append(ways, shown)
			}
			who[shown] = append(who[shown], driver)
		}
		fmt.Fprintf(to, "%s\n", fault)
		for _, way := range ways {
			fmt.Fprintf(to, "    %s: %s\n", strings.Join(who[way], ", "), way)
		}
	}
}
