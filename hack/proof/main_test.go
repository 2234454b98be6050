// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const repository = "../.."

func TestThePagesAreUpToDate(t *testing.T) {
	for _, p := range pages() {
		want, err := p.text(repository)
		if err != nil {
			t.Errorf("%s: %v", p.path, err)
			continue
		}
		got, err := os.ReadFile(filepath.Join(repository, p.path))
		if err != nil {
			t.Error(err)
		} else if string(got) != want {
			t.Errorf("%s is not up to date: run `make generate`", p.path)
		}
	}
}

func TestEveryFaultAndThreatHasItsRow(t *testing.T) {
	if len(reliability.rows) != 34 || len(security.rows) != 18 {
		t.Errorf("%d faults and %d threats", len(reliability.rows), len(security.rows))
	}
	for _, p := range pages() {
		for _, r := range p.rows {
			if r.what == "" || r.happens == "" || strings.Contains(r.what+r.happens+r.untested, "|") {
				t.Errorf("%s: this row is no row: %+v", p.path, r)
			}
		}
		for _, a := range p.attacks {
			if a.what == "" || a.before == "" || a.now == "" || len(a.tests) == 0 || strings.Contains(a.what+a.before+a.now, "|") {
				t.Errorf("%s: this attack is none: %+v", p.path, a)
			}
		}
	}
}

func TestATestThatDoesNotExistIsRefused(t *testing.T) {
	for _, test := range []string{"hack/proof.TestNobodyHasWritten", "hack/nowhere.TestEveryFaultAndThreatHasItsRow"} {
		if shown, err := (row{what: "x", tests: []string{test}}).shown(repository); err == nil {
			t.Errorf("%s is taken for a test: %s", test, shown)
		}
	}
	if _, err := (row{what: "x"}).shown(repository); err == nil {
		t.Error("a row without a test has to say so")
	}
	shown, err := row{tests: []string{"hack/proof.TestEveryFaultAndThreatHasItsRow"}, untested: "the rest"}.shown(repository)
	if want := "[TestEveryFaultAndThreatHasItsRow](../hack/proof/main_test.go)<br>**not tested**: the rest"; err != nil || shown != want {
		t.Errorf("%s, %v", shown, err)
	}
}
