// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const firstPage = "../../docs/first-program.md"

var (
	yamlBlock    = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")
	changing     = regexp.MustCompile(`\d{4}-\d\d-\d\d(T[\d:]+Z)?|\b(\d+[dhms])+\b`) // dates and ages
)

// TestTheFirstProgram follows the page as somebody new would: each block is saved under
// the name that its command has, and what the last command prints has to be on the page.
func TestTheFirstProgram(t *testing.T) {
	startOperator(t)
	text, err := os.ReadFile(firstPage)
	if err != nil {
		t.Fatal(err)
	}
	page, folder, today := string(text), t.TempDir(), time.Now().Format(time.DateOnly)
	mustKubectl(t, "create", "namespace", "first")
	shell := func(command string) string {
		script := "kubectl() { " + kubectlProgram() + ` --namespace=first "$@"; }; cd '` + folder + "'; " + command
		stdout, stderr, err := call(t, "", "bash", "-euo", "pipefail", "-c", script)
		if err != nil {
			t.Fatalf("%s: %v: %s", command, err, stderr)
		}
		return stdout
	}
	blocks := yamlBlock.FindAllStringSubmatch(page, -1)
	steps := consoleBlock.FindAllStringSubmatch(page, -1)
	for i, step := range steps {
		var commands []string
		var printed strings.Builder
		for line := range strings.Lines(step[1]) {
			if command, is := strings.CutPrefix(line, "$ "); is {
				commands = append(commands, command)
			} else {
				printed.WriteString(line)
			}
		}
		if file, is := strings.CutPrefix(strings.TrimSpace(commands[0]), "kubectl apply -f "); is {
			if len(blocks) == 0 {
				t.Fatalf("there is no block for %s", file)
			}
			manifest := strings.ReplaceAll(blocks[0][1], "2026-11-20", today)
			blocks = blocks[1:]
			if err := os.WriteFile(filepath.Join(folder, file), []byte(manifest), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if strings.Contains(page[:strings.Index(page, step[0])], "golden-path-number`") && len(commands) == 1 {
			shell(`sed 's/name: golden-path-numbers$/name: golden-path-number/' program.yaml | sed '/^---/,$d' | kubectl apply -f -`)
		}
		for _, command := range commands[:len(commands)-1] {
			shell(command)
		}
		want, got := steady(printed.String()), ""
		same := func() bool {
			got = shell(commands[len(commands)-1])
			return steady(got) == want
		}
		if *update {
			time.Sleep(15 * time.Second)
			same()
			page = strings.Replace(page, printed.String(), strings.TrimSpace(got)+"\n", 1)
			continue
		}
		eventually(t, "step "+string(rune('1'+i)), same, func() string { return "the page has\n" + printed.String() + "and kubectl prints\n" + got })
	}
	if len(blocks) != 0 {
		t.Errorf("%d blocks are never applied", len(blocks))
	}
	if *update {
		if err := os.WriteFile(firstPage, []byte(page), 0o644); err != nil { //nolint:gosec // documentation
			t.Fatal(err)
		}
	}
}

// steady is an output without what differs from day to day: dates, ages and the width
// of columns.
func steady(output string) string {
	var lines []string
	for line := range strings.Lines(output) {
		if line = strings.Join(strings.Fields(changing.ReplaceAllString(line, "~")), " "); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines) // events of one second come in any order
	return strings.Join(lines, "\n")
}
