// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/uptake-dev/uptake/internal/source"
)

// Content is something that an answer can hold which arrives well and yet is not what
// it seems. Faults are about sources, contents about what they say.
type Content string

const (
	// Partial is an answer that says it is a part: BadAnswer or Unavailable.
	Partial Content = "partial answer"
	// NullRow is a record that is null beside those of Team: Team's number, or a
	// failure; what is null is unknown, and never counts.
	NullRow Content = "null row"
	// OfNobody has a row of 7 without a segment beside Number of Team: both.
	OfNobody Content = "row of nobody"
	// Padded is Number of Team, whose name has space around it.
	Padded Content = "padded name"
	// Duplicate has two rows for Team which are Number together: Number where entries
	// are counted, otherwise unknown, by itself or with all others.
	Duplicate Content = "duplicate row"
	// OutOf100 is 41.3 where a fraction is usual: passed on for the core to judge.
	OutOf100 Content = "scale of 100"
	// FallToZero is a true-looking 0 for Team: passed on, and Complete only by a driver
	// that knows everything.
	FallToZero Content = "fall to zero"
	// Renamed has the field, label or column that names the segment under another
	// name: a failure, or all of it nobody's; never a number of Team.
	Renamed Content = "changed schema"
)

// Contents are all there are, in the order of the table.
var Contents = []Content{Partial, NullRow, OfNobody, Padded, Duplicate, OutOf100, FallToZero, Renamed}

// Team is the segment that answers are about.
const Team = "cart"

// ContentRig is a driver with a source that can say all of it.
type ContentRig struct {
	Name string
	// Say returns who is to be asked, or why a source of this kind never says that.
	Say func(t *testing.T, content Content) ContentCase
}

// ContentCase is one content, ready to be asked about.
type ContentCase struct {
	Asker source.Asker
	// Shown says how it is shown.
	Shown string
	// Never says why it cannot be shown; Asker is nil then.
	Never string
}

// RunContents has every driver asked about every content, and prints what came of it.
// A cell that is empty fails the test.
func RunContents(t *testing.T, to io.Writer, rigs ...ContentRig) {
	t.Helper()
	lines := []string{fmt.Sprintf("%-12s  %-15s  %-28s  %s", "driver", "content", "outcome", "shown, or why never")}
	for _, rig := range rigs {
		for _, content := range Contents {
			t.Run(rig.Name+"/"+string(content), func(t *testing.T) {
				shown := rig.Say(t, content)
				outcome := "-"
				switch {
				case (shown.Asker == nil) != (shown.Never != "") || shown.Never == "" && shown.Shown == "":
					t.Fatal("an empty cell: say how it is shown, or why it never is")
				case shown.Asker != nil:
					outcome = content.ask(t, shown.Asker)
				}
				lines = append(lines, fmt.Sprintf("%-12s  %-15s  %-28s  %s", rig.Name, content, outcome, shown.Shown+shown.Never))
			})
		}
	}
	if want := len(rigs)*len(Contents) + 1; len(lines) != want {
		t.Errorf("%d of %d cells are filled", len(lines)-1, want-1)
	}
	if _, err := io.WriteString(to, strings.Join(lines, "\n")+"\n"); err != nil {
		t.Error(err)
	}
}

func (c Content) ask(t *testing.T, asker source.Asker) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := asker.Ask(ctx)
	got := outcome{answer: answer}
	if err != nil {
		got.failure, got.unclassified = classified(err)
	}
	for _, complaint := range append(got.indiscretions(nil), c.judge(got)...) {
		t.Errorf("%s (%+v, %s)", complaint, got.answer, got.message())
	}
	return describe(got)
}

// judge returns what is wrong with an outcome.
func (c Content) judge(got outcome) []string {
	if got.failure != nil {
		isTold := got.failure.Class == source.BadAnswer || got.failure.Class == source.Unavailable || c == Renamed && got.failure.Class == source.InvalidQuery
		if isTold && slices.Contains([]Content{Partial, NullRow, Duplicate, Renamed}, c) {
			return nil
		}
		return []string{sentence("%s is told as %s", c, got.failure.Class)}
	}
	team, hasTeam := rowOf(got.answer, Team)
	nobody, hasNobody := rowOf(got.answer, source.Nobody)
	isFine := false
	switch c {
	case Partial:
	case NullRow:
		isFine = hasTeam && team.Value == Number && (!hasNobody || nobody.Unknown != "" || nobody.Value == 0) || team.Unknown != ""
	case OfNobody:
		isFine = hasTeam && team.Value == Number && hasNobody && nobody.Value == 7 && got.answer.Segmented
	case Padded:
		isFine = hasTeam && team.Value == Number && len(got.answer.Rows) == 1
	case Duplicate:
		isFine = hasTeam && (team.Value == Number || team.Unknown != "") && len(got.answer.Rows) == 1
	case OutOf100:
		isFine = hasTeam && team.Value == 41.3
	case FallToZero:
		isFine = hasTeam && team.Value == 0 && team.Unknown == "" && !got.answer.Complete || got.answer.Complete && (!hasTeam || team.Value == 0)
	case Renamed:
		isFine = !hasTeam
	}
	if !isFine {
		return []string{sentence("%s is believed", c)}
	}
	return nil
}

func rowOf(answer source.Answer, segment string) (source.Row, bool) {
	for _, row := range answer.Rows {
		if row.Segment == segment {
			return row, true
		}
	}
	return source.Row{}, false
}

func describe(got outcome) string {
	if got.failure != nil {
		return string(got.failure.Class)
	}
	if len(got.answer.Rows) == 0 {
		return "no rows"
	}
	var rows []string
	for _, row := range got.answer.Rows {
		name, value := row.Segment, fmt.Sprint(row.Value)
		if name == source.Nobody {
			name = "(nobody)"
		}
		if row.Unknown != "" {
			value = "?"
		}
		rows = append(rows, name+" "+value)
	}
	return strings.Join(rows, ", ")
}
