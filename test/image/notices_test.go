// SPDX-License-Identifier: Apache-2.0

package image

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// whatPermits are the names of licences at the root of a module.
var whatPermits = regexp.MustCompile(`(?i)^(licen[cs]e|copying)`)

// Every licence of what is in the program wants to be passed on with it. They are read
// from the module cache here once more, and looked for one by one.
func TestEveryModuleOfTheProgramHasItsLicenceInTheImage(t *testing.T) {
	image := built(t)
	info, err := buildinfo.Read(bytes.NewReader(image.program(t)))
	if err != nil {
		t.Fatal(err)
	}
	list, texts, _ := strings.Cut(string(image.content(t, "/THIRD_PARTY_NOTICES")), "====\n")
	for _, module := range info.Deps {
		listed := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(module.Path+" "+module.Version) + ` \[([\d ]+)\]$`).FindStringSubmatch(list)
		if listed == nil {
			t.Errorf("%s %s is in the program and not in the list", module.Path, module.Version)
			continue
		}
		for file, licence := range licences(t, module.Path) {
			passedOn := false
			for number := range strings.FieldsSeq(listed[1]) {
				passedOn = passedOn || strings.Contains(texts, fmt.Sprintf("\n[%s]\n\n%s\n", number, licence)) ||
					strings.HasPrefix(texts, fmt.Sprintf("[%s]\n\n%s\n", number, licence))
			}
			if !passedOn {
				t.Errorf("the text of %s of %s is not among the numbers %s", file, module.Path, listed[1])
			}
		}
	}
	if !strings.Contains(list, "std "+strings.TrimPrefix(info.GoVersion, "go")+" [") {
		t.Error("what Go brings is not in the list")
	}
	// Under this licence people are told where the source is.
	if !strings.Contains(list, "go mod download github.com/go-sql-driver/mysql@v") {
		t.Error("where the source of the MariaDB driver is, is not told")
	}
}

// licences are the texts at the root of a module, by file.
func licences(t *testing.T, module string) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir, cmd.Env = sources, append(environment(), "GOWORK=off")
	folder := strings.TrimSpace(must(t, cmd))
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, entry := range entries {
		if entry.IsDir() || !whatPermits.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		texts[entry.Name()] = strings.TrimRight(strings.ReplaceAll(string(content), "\r\n", "\n"), " \n")
	}
	if len(texts) == 0 {
		t.Errorf("%s has no licence", module)
	}
	return texts
}
