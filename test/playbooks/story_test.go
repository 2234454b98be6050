// SPDX-License-Identifier: Apache-2.0

package playbooks

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/internal/adoption"
)

// story is what is known of one program in testdata: what has to be set, what its
// queries answered day by day, what people did, and what is to come of it.
type story struct {
	// name of the program.
	name string
	// Required are the values without which the program cannot be enabled.
	Required values `json:"required"`
	// Chosen are further values of the story.
	Chosen values `json:"chosen"`
	// People act on days.
	People []act `json:"people"`
	// Events are all changes of state, each with its day.
	Events []string `json:"events"`

	days []day
}

// act is what somebody does on a day: approves a gate, or resolves a barrier.
type act struct {
	Day     string `json:"day"`
	Phase   string `json:"phase"`
	Approve string `json:"approve"`
	Resolve string `json:"resolve"`
}

// day is what every query answered on a day.
type day struct {
	start time.Time
	// answers by the path of the query; one that is missing was not answered.
	answers map[string][]adoption.Row
}

// programs are the names of all stories.
func programs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata: %v", err)
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(filepath.Base(file), ".yaml")
	}
	return names
}

func readStory(t *testing.T, name string) story {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := story{name: name}
	if err := yaml.UnmarshalStrict(text, &s); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	s.days = readDays(t, name)
	return s
}

// readDays reads the answers: a row a day, a column for each query and segment, such as
// metrics[migrated].rate.active/cart. An empty cell was not answered; "none" is an answer
// without a row for the segment.
func readDays(t *testing.T, name string) []day {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	reader := csv.NewReader(file)
	reader.Comment = '#'
	records, err := reader.ReadAll()
	if err != nil || len(records) < 2 {
		t.Fatalf("%s: %d rows: %v", name, len(records), err)
	}
	days := make([]day, 0, len(records)-1)
	for _, record := range records[1:] {
		d, err := readDay(records[0], record)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, record[0], err)
		}
		days = append(days, d)
	}
	return days
}

func readDay(header, record []string) (day, error) {
	start, err := time.Parse(time.DateOnly, record[0])
	d := day{start: start, answers: map[string][]adoption.Row{}}
	if err != nil {
		return d, err
	}
	for i, cell := range record[1:] {
		column, segment, _ := strings.Cut(header[i+1], "/")
		path := "spec." + column
		switch cell {
		case "":
			continue
		case "none":
			if d.answers[path] == nil {
				d.answers[path] = []adoption.Row{}
			}
			continue
		}
		value, err := strconv.ParseFloat(cell, 64)
		if err != nil {
			return d, fmt.Errorf("%s: %w", header[i+1], err)
		}
		d.answers[path] = append(d.answers[path], adoption.Row{Segment: segment, Value: value})
	}
	return d, nil
}

// asked are the paths of all columns, and whether each has segments.
func asked(days []day) map[string]bool {
	paths := map[string]bool{}
	for _, d := range days {
		for path, rows := range d.answers {
			paths[path] = paths[path] || len(rows) > 0 && rows[0].Segment != ""
		}
	}
	return paths
}
