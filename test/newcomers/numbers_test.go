// SPDX-License-Identifier: Apache-2.0

package newcomers

// schedule is the program and a phase with more fields.
func schedule(fields string) string { return program + phase + fields }

// inSchedules are mistakes in times and dates.
var inSchedules = []mistake{
	{
		row: 17, what: "hold 90d, deadline in 18 days", text: schedule("  hold: {for: 90d, every: 9d}\n  deadline: IN18DAYS\n"),
		says: []string{"The hold takes longer than the time left", "move the deadline to ", "or shorten the hold"},
	},
	{row: 18, what: `hold "14"`, text: schedule("  hold: {for: \"14\"}\n"), server: true, says: []string{"spec.hold.for", "a duration is a number and a unit"}},
	{row: 18, what: `hold "2 weeks"`, text: schedule("  hold: {for: 2 weeks}\n"), server: true, says: []string{"spec.hold.for", "2w"}},
	{row: 18, what: "hold 14d every 1h", text: schedule("  hold: {for: 14d, every: 1h}\n"), says: []string{"spec.hold.every", "check every 3h21m36s or less often"}},
	{row: 21, what: "a deadline long ago", text: program + replaced(phase, bound, `atLeast: "90%"`) + "  deadline: \"2025-03-31\"\n", says: []string{"The deadline 2025-03-31 had passed before the phase was created", "write a later one"}},
	{
		row: 22, what: "notBefore after the deadline", text: schedule("  notBefore: \"2099-06-01\"\n  deadline: \"2099-03-31\"\n"),
		says: []string{"spec.notBefore: 2099-06-01 is after the deadline 2099-03-31: move one of them"},
	},
	{row: 23, what: "31.03.2027", text: schedule("  deadline: 31.03.2027\n"), server: true, says: []string{"spec.deadline", "a date is YYYY-MM-DD"}},
	{row: 23, what: "03/31/2027", text: schedule("  deadline: 03/31/2027\n"), server: true, says: []string{"spec.deadline", "a date is YYYY-MM-DD"}},
	{row: 23, what: "2099-02-30", text: schedule("  deadline: \"2099-02-30\"\n"), says: []string{"spec.deadline", "write a day that exists"}},
	{row: 24, what: "Europe/Zurch", text: zone("Europe/Zurch"), says: []string{"spec.timeZone", "Europe/Zurich"}},
	{row: 24, what: "CEST", text: zone("CEST"), says: []string{"spec.timeZone", "is not an IANA time zone: write for example Europe/Zurich"}},
	{row: 24, what: "europe/zurich", text: zone("europe/zurich"), says: []string{"spec.timeZone", "Europe/Zurich"}},
}

func zone(name string) string {
	return replaced(program, "  interval: 1s\n", "  interval: 1s\n  timeZone: "+name+"\n") + phase
}

// entered is the program with numbers that people enter.
func entered(data string) string {
	return replaced(program, "{objects: {apiVersion: v1, kind: Service, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}}}",
		"{configMap: {name: numbers, key: adopted}}") + phase + `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: numbers}
` + data
}

// rows are what somebody entered.
func rows(text string) string { return entered("data: {adopted: \"" + text + "\"}\n") }

// inNumbers are mistakes in numbers that people enter.
var inNumbers = []mistake{
	{row: 25, what: "an empty ConfigMap", text: entered(""), says: []string{"has no key adopted"}},
	{row: 25, what: "a wrong key", text: entered("data: {adoptd: \"3\"}\n"), says: []string{"has no key adopted; the nearest key is adoptd"}},
	{row: 25, what: "an empty key", text: rows(""), says: []string{"there is nothing in it: write a dated number such as"}},
	{row: 26, what: "CSV with semicolons", text: rows(`date;value\n2026-11-01;3\n`), says: []string{"line 1 is not the header", "with commas"}},
	{row: 26, what: "spaces, capitals, BOM", works: true, text: rows(`\uFEFFDate, Value \nTODAY , 3\n`), says: []string{"Achieved"}},
	{row: 27, what: "a decimal comma", text: rows(`TODAY 5,5\n`), says: []string{"line 1 has a comma", "a decimal is written with a point"}},
	{row: 27, what: "1,200", text: rows(`TODAY 1,200\n`), says: []string{"line 1 has a comma", "a decimal is written with a point"}},
	{row: 27, what: "a decimal comma in CSV", text: rows(`date,value\nTODAY,5,5\n`), says: []string{"line 2 has 3 columns and the header 2", "a decimal is written with a point"}},
	{row: 28, what: "20.11.2026", text: rows(`date,value\n20.11.2026,3\n`), says: []string{"line 2 has no usable date: write it as 2026-11-01"}},
	{row: 29, what: "a row of tomorrow alone", text: rows(`TOMORROW 3\n`), says: []string{"is dated tomorrow", "correct the date, or wait for it"}},
	{row: 30, what: "a percentage where a count is needed", text: rows(`TODAY 30%\n`), says: []string{"a percentage where a count is needed", "write query in place of rate"}},
	{row: 30, what: "more active than eligible", text: rows(`TODAY 30\n`), says: []string{"30 are active of only 10 eligible", "have rate.active count only those whom population counts"}},
}
