// SPDX-License-Identifier: Apache-2.0

// Command notices prints the licences of everything that a program is made of, which
// whoever passes the program on has to pass on with it. Go records the modules in the
// program; the texts are those of the module cache. A module without a text is an error.
//
//	notices PROGRAM
package main

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: notices PROGRAM")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(program string, out io.Writer) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	modules, err := located(info.Deps)
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	standard := module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go"), Dir: strings.TrimSpace(string(root)), rootOnly: true}
	text, err := notices(append([]module{standard}, modules...))
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// module is one that is linked, and the folder of its sources.
type module struct {
	Path, Version, Dir, Error string

	// rootOnly leaves out what is below the folder: of Go's own, nearly all is tests
	// and tools.
	rootOnly bool
}

// located finds modules in the module cache. What is not there is fetched, and is
// checked against go.sum.
func located(deps []*debug.Module) ([]module, error) {
	args := []string{"mod", "download", "-json"}
	for _, dep := range deps {
		dep = cmp.Or(dep.Replace, dep)
		if dep.Version == "" {
			return nil, fmt.Errorf("%s is of a folder, so nobody can tell which it is", dep.Path)
		}
		args = append(args, dep.Path+"@"+dep.Version)
	}
	cmd := exec.Command("go", args...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go mod download: %w\n%s%s", err, problems.String(), output)
	}
	var modules []module
	decoder := json.NewDecoder(bytes.NewReader(output))
	for {
		var m module
		switch err := decoder.Decode(&m); {
		case errors.Is(err, io.EOF) && len(modules) == len(deps):
			return modules, nil
		case err != nil:
			return nil, fmt.Errorf("go mod download told of %d modules of %d: %w", len(modules), len(deps), err)
		case m.Error != "":
			return nil, fmt.Errorf("%s: %s", m.Path, m.Error)
		}
		m.Dir = filepath.Clean(m.Dir)
		modules = append(modules, m)
	}
}
