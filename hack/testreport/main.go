// SPDX-License-Identifier: Apache-2.0

// Testreport reads the output of `go test -json` and prints what a person needs:
// a line for each package, failures in full, what tests report (from a line that
// begins with "Report: " to the end of the test), and the counts as the last line.
// Unlike go test it fails when a test was skipped, or when none ran: a suite that
// did not run proves nothing.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	if !report(os.Stdin, os.Stdout) {
		os.Exit(1)
	}
}

// event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // instead of Package, when a build fails
	Test       string
	Elapsed    float64
	Output     string
}

// suite is what is known of one package. Output holds what was printed by each
// test that has not passed, and under "" what belongs to no test.
type suite struct {
	running map[string]bool
	output  map[string]*strings.Builder
	passed  int
	failed  int
	skipped []string
	reports strings.Builder
}

func newSuite() *suite {
	return &suite{running: map[string]bool{}, output: map[string]*strings.Builder{}}
}

// report tells whether every test passed, none was skipped, and some ran.
func report(in io.Reader, out io.Writer) bool {
	suites := map[string]*suite{}
	var passed, failed, skipped int

	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if e, ok := parse(line); !ok {
			fmt.Fprint(out, line) // not JSON: a message of the go command itself
		} else if e.Package == "" {
			fmt.Fprint(out, e.Output) // a compiler's error
		} else {
			s := suites[e.Package]
			if s == nil {
				s = newSuite()
				suites[e.Package] = s
			}
			s.record(e)
			if e.Test == "" && isVerdict(e.Action) {
				s.print(out, e)
				passed, failed, skipped = passed+s.passed, failed+s.failed, skipped+len(s.skipped)
				delete(suites, e.Package)
			}
		}
		if err != nil {
			break
		}
	}

	for _, name := range slices.Sorted(maps.Keys(suites)) {
		fmt.Fprintf(out, "FAIL  %s: no verdict, its run was cut short\n", name)
		failed++
	}
	if passed+failed+skipped == 0 {
		fmt.Fprintln(out, "FAIL  no test ran")
		failed++
	}
	if skipped > 0 {
		fmt.Fprintln(out, "A skipped test counts as a failure here: install what it asks for.")
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	return failed == 0 && skipped == 0
}

func parse(line string) (e event, ok bool) {
	ok = strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &e) == nil
	return e, ok
}

func isVerdict(action string) bool {
	return action == "pass" || action == "fail" || action == "skip"
}

func (s *suite) record(e event) {
	switch e.Action {
	case "run":
		s.running[e.Test] = true
	case "output":
		if s.output[e.Test] == nil {
			s.output[e.Test] = &strings.Builder{}
		}
		s.output[e.Test].WriteString(e.Output)
	}
	if e.Test == "" || !isVerdict(e.Action) {
		return
	}
	delete(s.running, e.Test)
	switch e.Action {
	case "pass":
		s.passed++
		s.keepReport(e.Test)
		delete(s.output, e.Test)
	case "fail":
		s.failed++
	case "skip":
		s.skipped = append(s.skipped, e.Test)
	}
}

// keepReport keeps what a test that passed wants to be read all the same.
func (s *suite) keepReport(test string) {
	if s.output[test] == nil {
		return
	}
	reporting := false
	for line := range strings.Lines(s.output[test].String()) {
		ended := strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "=== ") || line == "PASS\n" || strings.HasPrefix(line, "ok  \t")
		reporting = !ended && (reporting || strings.HasPrefix(line, "Report: "))
		if reporting {
			s.reports.WriteString("      " + line)
		}
	}
}

// print writes the verdict on a package whose run is over.
func (s *suite) print(out io.Writer, e event) {
	s.failed += len(s.running) // a panic or a timeout leaves them without a verdict
	if e.Action == "fail" && s.failed == 0 {
		s.failed = 1 // it did not compile, or TestMain failed
	}
	switch {
	case s.failed > 0:
		fmt.Fprintf(out, "FAIL  %s  %.1fs  %d passed, %d failed\n", e.Package, e.Elapsed, s.passed, s.failed)
	case s.passed > 0 || len(s.skipped) > 0:
		fmt.Fprintf(out, "ok    %s  %.1fs  %d passed\n", e.Package, e.Elapsed, s.passed)
	default:
		fmt.Fprintf(out, "-     %s  no tests\n", e.Package)
	}
	if s.failed > 0 {
		for _, test := range slices.Sorted(maps.Keys(s.output)) {
			fmt.Fprint(out, s.output[test])
		}
		return
	}
	s.keepReport("")
	fmt.Fprint(out, s.reports.String())
	for _, test := range s.skipped {
		fmt.Fprintf(out, "SKIP  %s\n%s", test, s.output[test])
	}
}
