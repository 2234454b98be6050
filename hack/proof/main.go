// SPDX-License-Identifier: Apache-2.0

// Command proof writes the tables of docs/reliability.md and docs/security.md: what can
// go wrong, what happens then, and which test shows it. A test that does not exist is
// an error, so the tables cannot name what nobody has written.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: proof REPOSITORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "proof:", err)
		os.Exit(1)
	}
}

// row is something that can go wrong.
type row struct {
	// what goes wrong, and what happens then.
	what, happens string
	// tests that show it, each as FOLDER.NAME.
	tests []string
	// untested is what no test shows; empty: nothing is left.
	untested string
}

// page is a document with a table.
type page struct {
	path         string
	before, head string
	rows         []row
	after        string
	attacks      []attack // in a table at the end
}

func pages() []page { return []page{reliability, security} }

func write(repository string) error {
	for _, p := range pages() {
		text, err := p.text(repository)
		if err != nil {
			return fmt.Errorf("%s: %w", p.path, err)
		}
		if err := os.WriteFile(filepath.Join(repository, p.path), []byte(text), 0o644); err != nil { //nolint:gosec // a page for everybody
			return err
		}
	}
	return nil
}

// text is the whole page.
func (p page) text(repository string) (string, error) {
	var b strings.Builder
	b.WriteString(p.before)
	fmt.Fprintf(&b, "\n| | %s | what happens | shown by |\n|---|---|---|---|\n", p.head)
	for i, r := range p.rows {
		shown, err := r.shown(repository)
		if err != nil {
			return "", fmt.Errorf("%d, %s: %w", i+1, r.what, err)
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", i+1, r.what, r.happens, shown)
	}
	b.WriteString(p.after)
	if len(p.attacks) == 0 {
		return b.String(), nil
	}
	b.WriteString("\n| | what was tried | before | now | shown by |\n|---|---|---|---|---|\n")
	for i, a := range p.attacks {
		shown, err := row{what: a.what, tests: a.tests}.shown(repository)
		if err != nil {
			return "", fmt.Errorf("attack %d, %s: %w", i+1, a.what, err)
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", i+1, a.what, a.before, a.now, shown)
	}
	return b.String(), nil
}

// shown links every test to its file.
func (r row) shown(repository string) (string, error) {
	var cells []string
	for _, test := range r.tests {
		folder, name, _ := strings.Cut(test, ".")
		file, err := fileOf(repository, folder, name)
		if err != nil {
			return "", err
		}
		cells = append(cells, fmt.Sprintf("[%s](../%s)", name, file))
	}
	switch {
	case r.untested != "":
		cells = append(cells, "**not tested**: "+r.untested)
	case len(cells) == 0:
		return "", fmt.Errorf("neither a test, nor what is not tested")
	}
	return strings.Join(cells, "<br>"), nil
}

// fileOf finds the file of a test function.
func fileOf(repository, folder, name string) (string, error) {
	files, err := filepath.Glob(filepath.Join(repository, folder, "*_test.go"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return "", err
		}
		for _, declared := range parsed.Decls {
			if function, is := declared.(*ast.FuncDecl); is && function.Recv == nil && function.Name.Name == name {
				return folder + "/" + filepath.Base(file), nil
			}
		}
	}
	return "", fmt.Errorf("there is no test %s in %s", name, folder)
}
