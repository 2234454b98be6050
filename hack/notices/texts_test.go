// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder is a module with files of these texts.
func folder(t *testing.T, files map[string]string) module {
	t.Helper()
	m := module{Path: "example.com/m", Version: "v1.2.3", Dir: t.TempDir()}
	for name, text := range files {
		name = filepath.Join(m.Dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestAModuleWithoutALicenceIsRefused(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"nothing":            {"README.md": "free for all"},
		"an empty one":       {"LICENSE": "\n"},
		"of a folder only":   {"third_party/LICENSE": "MIT"},
		"a notice only":      {"NOTICE": "made by people"},
		"code of that name":  {"license.go": "package license"},
		"one that is a test": {"testdata/LICENSE": "MIT"},
	} {
		text, err := notices([]module{folder(t, files)})
		if err == nil || !strings.Contains(err.Error(), "example.com/m v1.2.3") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

func TestEveryTextIsThereOnce(t *testing.T) {
	text, err := notices([]module{
		folder(t, map[string]string{"LICENSE": "the terms\n", "NOTICE.txt": "made by us\n", "forked/LICENCE-BSD": "theirs\n"}),
		folder(t, map[string]string{"LICENSE.md": "the terms\r\n"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for want, times := range map[string]int{"the terms": 1, "made by us": 1, "theirs": 1, "[1]\n\nthe terms": 1, "v1.2.3 [1 2 3]": 1, "v1.2.3 [1]": 1} {
		if got := strings.Count(string(text), want); got != times {
			t.Errorf("%q is there %d times:\n%s", want, got, text)
		}
	}
}

func TestWhereTheSourceIsIsToldWhereALicenceWantsIt(t *testing.T) {
	text, err := notices([]module{folder(t, map[string]string{"LICENSE": "Mozilla Public License Version 2.0\n"})})
	if err != nil || !strings.Contains(string(text), "https://example.com/m\n") || !strings.Contains(string(text), "example.com/m@v1.2.3\n") {
		t.Errorf("%v\n%s", err, text)
	}
}
