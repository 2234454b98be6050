// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	// legal are the files that have to be passed on.
	legal = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|copyright|notice|patents)([.-].*)?$`)
	// permits are those of them that permit anything at all.
	permits = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying)`)
	// source is code that is only named like one of them.
	source = regexp.MustCompile(`(?i)\.(go|sh|py|js|ya?ml|json|tmpl)$`)
	// mozilla begins a licence that wants people to be told where the source is.
	mozilla = regexp.MustCompile(`(?i)mozilla public license,? version 2\.0`)
)

const (
	before = `Uptake is made of the modules below, with the versions that are in this program. Each is
licensed under the texts whose numbers follow it; those are below the list. The same text
is there once. "std" is what Go itself brings.

`
	line = "================================================================================"
)

// notices lists the modules, and below them every text once.
func notices(modules []module) ([]byte, error) {
	var list, texts bytes.Buffer
	numbers := map[string]int{}
	for _, m := range modules {
		files, err := m.texts()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", m.Path, m.Version, err)
		}
		var own []int
		copyleft := false
		for _, text := range files {
			number, known := numbers[text]
			if !known {
				number = len(numbers) + 1
				numbers[text] = number
				fmt.Fprintf(&texts, "\n%s\n[%d]\n\n%s\n", line, number, text)
			}
			own = append(own, number)
			copyleft = copyleft || mozilla.MatchString(text)
		}
		slices.Sort(own)
		fmt.Fprintf(&list, "%s %s %v\n", m.Path, m.Version, slices.Compact(own))
		if copyleft {
			fmt.Fprintf(&list, "    Its source, of this version and not changed: https://%s\n    or: go mod download %s@%s\n", m.Path, m.Path, m.Version)
		}
	}
	return slices.Concat([]byte(before), list.Bytes(), texts.Bytes()), nil
}

// texts are what a module's authors want passed on, and what they have taken over from
// others into folders of their own.
func (m module) texts() ([]string, error) {
	var texts []string
	permitted := false
	err := fs.WalkDir(os.DirFS(m.Dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if entry.IsDir() {
			if name != "." && (m.rootOnly || base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || !legal.MatchString(base) || source.MatchString(base) {
			return nil
		}
		content, err := os.ReadFile(path.Join(m.Dir, name))
		if err != nil {
			return err
		}
		text := strings.TrimRight(strings.ReplaceAll(string(content), "\r\n", "\n"), " \n")
		if text == "" {
			return nil
		}
		texts = append(texts, text)
		permitted = permitted || path.Dir(name) == "." && permits.MatchString(base)
		return nil
	})
	if err == nil && !permitted {
		err = fmt.Errorf("there is no licence in %s, so nobody may pass it on", m.Dir)
	}
	return texts, err
}
