// SPDX-License-Identifier: Apache-2.0

package image

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// instruction is one of a Dockerfile: its name, and its text without continuations.
type instruction struct{ name, text string }

// stages reads the Dockerfile: the instructions of each stage, from its FROM on.
func stages(t *testing.T) [][]instruction {
	t.Helper()
	var all [][]instruction
	var joined string
	for line := range strings.SplitSeq(read(t, "Dockerfile"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if begin, more := strings.CutSuffix(line, `\`); more {
			joined += begin
			continue
		}
		name, text, _ := strings.Cut(joined+line, " ")
		joined = ""
		if name == "FROM" {
			all = append(all, nil)
		}
		if len(all) == 0 {
			t.Fatalf("%s before the first FROM is more than this test understands", name)
		}
		all[len(all)-1] = append(all[len(all)-1], instruction{name, strings.TrimSpace(text)})
	}
	if len(all) != 2 || all[0][0].text != "--platform=$BUILDPLATFORM golang:1.26 AS build" || all[1][0].text != "scratch" {
		t.Fatalf("not a stage that cross-compiles and an empty one: %v", all)
	}
	return all
}

// the returns the texts of the instructions of a name.
func the(stage []instruction, name string) []string {
	var texts []string
	for _, i := range stage {
		if i.name == name {
			texts = append(texts, i.text)
		}
	}
	return texts
}

// arguments are the values of a stage's ARGs: given ones, or else defaults.
func arguments(stage []instruction, given map[string]string) map[string]string {
	values := map[string]string{}
	for _, text := range the(stage, "ARG") {
		for pair := range strings.FieldsSeq(text) {
			name, value, _ := strings.Cut(pair, "=")
			if another, is := given[name]; is {
				value = another
			}
			values[name] = value
		}
	}
	return values
}

// copied is what a COPY says.
type copied struct {
	flags map[string]string
	from  []string
	to    string
}

func copies(stage []instruction) []copied {
	var all []copied
	for _, text := range the(stage, "COPY") {
		one := copied{flags: map[string]string{}}
		words := strings.Fields(text)
		for strings.HasPrefix(words[0], "--") {
			name, value, _ := strings.Cut(strings.TrimPrefix(words[0], "--"), "=")
			one.flags[name] = value
			words = words[1:]
		}
		one.from, one.to = words[:len(words)-1], words[len(words)-1]
		all = append(all, one)
	}
	return all
}

// context puts what a stage copies from the sources, and .dockerignore lets it, where
// the stage puts it, seen from its working directory.
func context(t *testing.T, stage []instruction) string {
	t.Helper()
	folder := t.TempDir()
	for _, one := range copies(stage) {
		for _, from := range one.from {
			to := filepath.Join(folder, one.to)
			if !strings.HasSuffix(from, "/") {
				to = filepath.Join(to, from)
			}
			found := 0
			for _, name := range sent(t) {
				rest, is := strings.CutPrefix(name, strings.TrimSuffix(from, "/"))
				if !is || rest != "" && !strings.HasPrefix(rest, "/") {
					continue
				}
				found++
				if err := copyFile(filepath.Join(sources, name), filepath.Join(to, rest)); err != nil {
					t.Fatal(err)
				}
			}
			if found == 0 {
				t.Errorf("the Dockerfile copies %s, of which .dockerignore lets nothing through", from)
			}
		}
	}
	return folder
}

// sent are the files of the sources that .dockerignore lets through.
func sent(t *testing.T) []string {
	t.Helper()
	var allowed []string
	for line := range strings.SplitSeq(read(t, ".dockerignore"), "\n") {
		line = strings.TrimSpace(line)
		exception, is := strings.CutPrefix(line, "!")
		switch {
		case line == "" || line == "*" || strings.HasPrefix(line, "#"):
		case is && !strings.ContainsAny(exception, "*?["):
			allowed = append(allowed, strings.TrimSuffix(exception, "/"))
		default:
			t.Fatalf("%q in .dockerignore is more than this test understands", line)
		}
	}
	var files []string
	err := filepath.WalkDir(sources, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(sources, path)
		if slices.ContainsFunc(allowed, func(a string) bool { return name == a || strings.HasPrefix(name, a+"/") }) {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
