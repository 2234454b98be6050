// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// one is a program with a plain number that people enter.
func one(metric string) string {
	return program("p", "metrics:\n- "+metric)
}

const adopted = "{name: adopted, dimension: Reach, query: {configMap: {name: numbers, key: adopted}}}"

// junhoyeo/tokscale#318, cpcMomentum/worktime#713.
func TestADayThatHasNotComeInUTCIsToldWithTheTimeZone(t *testing.T) {
	w := begin(t)
	tomorrow := daysAgo(-1) // that it is already in Auckland, or soon
	w.enter(map[string]string{"first": tomorrow + " 12\n", "newer": daysAgo(20) + " 4\n" + tomorrow + " 12\n"})
	w.apply(program("p", `
metrics:
- {name: first-entry, dimension: Reach, query: `+entered("first")+`}
- {name: newer-entry, dimension: Reach, query: `+entered("newer")+`}`),
		phaseOf("ph", `targets: [{metric: newer-entry, atLeast: "10"}]`))
	said := w.unknown("p", "first-entry", "the only row (line 1) is dated tomorrow (in UTC)", "set timeZone")
	if strings.Contains(said+w.failing("p", "set timeZone"), "onEmpty") {
		t.Errorf("it is told that nothing may mean zero: %s", said)
	}
	w.value("p", "newer-entry", "4")
	w.neverAchieved("ph")
	report.add("19 a day that has not come", said)
}

// weewx/weewx#356, iamkun/dayjs#2868, vellum-ai/vellum-assistant#33088.
func TestADayWithoutAMidnightEndsWithItself(t *testing.T) {
	w := begin(t)
	w.enter(map[string]string{"adopted": daysAgo(3) + " 4"})
	days := map[string]struct{ zone, day string }{
		"cairo": {"Africa/Cairo", "2027-04-30"}, "cairo-before": {"Africa/Cairo", "2027-04-29"}, "santiago": {"America/Santiago", "2027-09-05"},
		"zurich": {"Europe/Zurich", "2027-03-28"}, "late": {lateZone, lateDay},
	}
	for name, each := range days {
		w.apply(program(name, fmt.Sprintf("timeZone: %s\nmetrics:\n- %s", each.zone, adopted)),
			phase(name, fmt.Sprintf("programRef: {name: %s}\ntargets: [{metric: adopted, atLeast: \"50\"}]\ndeadline: %q", name, each.day)))
	}
	for name, each := range days {
		w.value(name, "adopted", "4")
		w.eventually(name+" is due", func() bool { return w.phase(name).Due != "" }, func() any { return w.phase(name) })
		if due := w.phase(name).Due; due != each.day {
			t.Errorf("%s: %s is due %s", name, each.day, due)
		}
	}
	said := w.told("Phase", "late", "OnTrack", "True/OnTrack")
	time.Sleep(someTurns)
	if now := w.condition("Phase", "late", "OnTrack"); strings.Contains(now, "DeadlineMissed") {
		t.Errorf("the day is not over: %s", now)
	}
	report.add("21 midnights that do not exist", "due "+w.phase("cairo").Due+" in Cairo, "+w.phase("santiago").Due+" in Santiago; half an hour before one: "+said)
}

// prometheus/pushgateway#117, #83: the last value stays, and looks fresh.
func TestOneOldNumberFillsNoHold(t *testing.T) {
	w := begin(t)
	w.enter(map[string]string{"satisfied": daysAgo(100) + " 85%"})
	w.apply(one("{name: satisfied, dimension: Satisfaction, format: Percent, query: "+entered("satisfied")+"}"),
		phaseOf("ph", `targets: [{metric: satisfied, atLeast: "80%"}]`+"\nhold: {for: 2s, every: 1s}"))
	said := w.summarised("ph", "the newest row of satisfied is of "+daysAgo(100)+", before the phase began").Summary
	w.neverAchieved("ph")
	if path := w.path("ph"); strings.Contains(path, "Holding") {
		t.Errorf("it went %s", path)
	}
	report.add("31 one old number", said)
}

// UM-USElab/gradecraft-development#2715, Enterprise-CMCS/eAPD#649.
func TestDatesThatCannotBeMetAreRefused(t *testing.T) {
	w := begin(t)
	w.enter(map[string]string{"adopted": daysAgo(3) + " 18"})
	const target = "\ntargets: [{metric: adopted, atLeast: \"50\"}]"
	w.apply(one(adopted),
		phaseOf("late-start", `notBefore: "2027-05-01"`+"\n"+`deadline: "2027-04-01"`+target),
		phaseOf("no-time", `notBefore: "2027-03-25"`+"\n"+`deadline: "2027-04-01"`+"\nhold: {for: 14d}"+target),
		phaseOf("long-hold", "maxDuration: 7d\nhold: {for: 14d}"+target))
	said := w.told("Phase", "late-start", "Stalled", "True/InvalidSpec", "spec.notBefore", "2027-05-01 is after the deadline 2027-04-01", "move one of them")
	report.add("36 a start after the deadline", said)
	said = w.told("Phase", "no-time", "Stalled", "True/InvalidSpec", "spec.hold.for", "14d", "2027-04-08", "shorten the hold")
	report.add("36 no time for the hold", said)
	said = w.told("Phase", "long-hold", "Stalled", "True/InvalidSpec", "spec.maxDuration", "7d are over before the hold of 14d is", "make maxDuration longer, or the hold shorter")
	report.add("36 a hold longer than maxDuration", said)
	for _, name := range []string{"late-start", "no-time", "long-hold"} {
		if status := w.phase(name); status.Health == "OnTrack" || status.State == "Achieved" {
			t.Errorf("phase %s is %s, %s", name, status.State, status.Health)
		}
	}
}
