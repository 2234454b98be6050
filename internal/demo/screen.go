// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// screen shows the story: drawn anew on a terminal, line by line elsewhere.
type screen struct {
	out      io.Writer
	terminal bool
	began    time.Time
	number   int
	of       int
	scene    scene
	lastLine string
}

// begin starts a scene.
func (s *screen) begin(number, of int, next scene) {
	s.number, s.of, s.scene = number, of, next
	if !s.terminal {
		fmt.Fprintf(s.out, "\n[%2d/%d] %s\n        expected: %s\n", number, of, next.say, next.expect)
	}
}

// end closes a scene that went as expected.
func (s *screen) end(took time.Duration) {
	if !s.terminal {
		fmt.Fprintf(s.out, "        happened after %s\n", took.Round(100*time.Millisecond))
	}
}

// draw shows the present state.
func (s *screen) draw(v view, now time.Time) {
	if s.terminal {
		fmt.Fprintf(s.out, "\x1b[H\x1b[2J%s", s.picture(v, now))
		return
	}
	line := fmt.Sprintf("%s %s, %s", v.program.Status.Adoption, v.program.Status.Health, states(v))
	if line != s.lastLine && v.program.Status.State != "" {
		s.lastLine = line
		fmt.Fprintf(s.out, "        %5.1fs  %s\n", now.Sub(s.began).Seconds(), line)
	}
}

func states(v view) string {
	var parts []string
	for _, p := range sortedPhases(v) {
		if p.Status.State != "" {
			parts = append(parts, p.Name+" "+string(p.Status.State))
		}
	}
	return strings.Join(parts, ", ")
}

// picture is a page that a person reads at a glance.
func (s *screen) picture(v view, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\x1b[1mUptake: from Ingress to Gateway API\x1b[0m   %3.0f s   scene %d of %d\n\n", now.Sub(s.began).Seconds(), s.number, s.of)
	fmt.Fprintf(&b, "  %s\n  \x1b[2mexpected: %s\x1b[0m\n\n", s.scene.say, s.scene.expect)
	st := v.program.Status
	fmt.Fprintf(&b, "  %-12s %-10s %s  %s\n", "gateway-api", st.State, bar(st.Adoption, 30), colour(st.Health))
	fmt.Fprintf(&b, "  %s\n\n", shorten(st.Summary, 110))
	table := tabwriter.NewWriter(&b, 2, 2, 3, ' ', 0)
	fmt.Fprintln(table, "  PHASE\tSTATE\tTARGETS\tVALUE\tNEEDS\tHOLD\tWAITS FOR")
	for _, p := range sortedPhases(v) {
		hold := ""
		if p.Status.Hold != nil {
			hold = "[" + p.Status.Hold.Checks + "]"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.Status.State, p.Status.Met, p.Status.Value, p.Status.Needs, hold, shorten(p.Status.WaitsFor, 50))
	}
	fmt.Fprintln(table, "\t\t\t\t\t\t\n  BARRIER\tSTATE\tSEVERITY\tVALUE\tBLOCKS\t\tOWNER")
	for _, name := range sortedKeys(v.barriers) {
		br := v.barriers[name]
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\t\t%s\n", br.Name, br.Status.State, br.Spec.Severity, br.Status.Value, br.Status.Blocks, br.Spec.Owner)
	}
	table.Flush()
	b.WriteString("\n  EVENTS\n")
	for _, e := range lastEvents(v.events, 7) {
		fmt.Fprintf(&b, "  %s  %-16s %-28s %s\n", e.LastTimestamp.Format(time.TimeOnly), e.Reason, e.InvolvedObject.Name, shorten(e.Message, 70))
	}
	return b.String()
}

func sortedPhases(v view) []v1alpha1.Phase {
	phases := make([]v1alpha1.Phase, 0, len(v.phases))
	for _, name := range []string{"pilot", "mandated-teams", "opt-in-teams", "ingress-is-gone"} {
		if p, ok := v.phases[name]; ok {
			phases = append(phases, p)
		}
	}
	return phases
}

func sortedKeys(m map[string]v1alpha1.Barrier) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func lastEvents(events []corev1.Event, n int) []corev1.Event {
	sort.SliceStable(events, func(i, j int) bool { return events[i].LastTimestamp.Before(&events[j].LastTimestamp) })
	return events[max(len(events)-n, 0):]
}

// bar draws a percentage.
func bar(text string, width int) string {
	var percent float64
	if _, err := fmt.Sscanf(text, "%f%%", &percent); err != nil {
		return strings.Repeat("·", width) + "   ?  "
	}
	full := int(percent / 100 * float64(width))
	return strings.Repeat("█", full) + strings.Repeat("·", width-full) + fmt.Sprintf(" %6s", text)
}

func colour(health string) string {
	code := map[string]string{v1alpha1.HealthOnTrack: "32", v1alpha1.HealthAtRisk: "33", v1alpha1.HealthUnknown: "35"}[health]
	if code == "" {
		code = "31"
	}
	return "\x1b[" + code + "m" + health + "\x1b[0m"
}

func shorten(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}
