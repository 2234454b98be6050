// SPDX-License-Identifier: Apache-2.0

// Package image tests the image as people get it: what is in it, whether anybody can
// build the same, and whether the program runs with nothing else around it.
package image

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const repository = "../.."

// What the images of these tests are stamped with: values that no build has by itself.
const (
	version  = "v0.0.0-tested"
	revision = "0123456789abcdef0123456789abcdef01234567"
	epoch    = "1000000000"
)

// platform is built; another one would compile everything anew, for minutes.
var platform = "linux/" + runtime.GOARCH

// sources is a copy, so that nobody edits them between two builds; dist is what
// make image made of it.
var sources, dist string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "uptake-image-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	sources, dist = filepath.Join(folder, "sources"), filepath.Join(folder, "dist")
	if err := copySources(repository, sources); err != nil {
		fmt.Fprintln(os.Stderr, "Copying the sources:", err)
		return 1
	}
	if err := makeImage(sources, dist); err != nil {
		fmt.Fprintln(os.Stderr, "An image is needed, and tests without one fail:", err)
		return 1
	}
	return m.Run()
}

// copySources copies what git has or would have: files of no build.
func copySources(from, to string) error {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = from
	list, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		err := copyFile(filepath.Join(from, name), filepath.Join(to, name))
		if err != nil && !os.IsNotExist(err) { // deleted, and not yet committed
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm())
}

// makeImage runs make image as people do.
func makeImage(folder, dist string) error {
	cmd := exec.Command("make", "image", "PLATFORMS="+platform, "DIST="+dist,
		"VERSION="+version, "REVISION="+revision, "SOURCE_DATE_EPOCH="+epoch)
	cmd.Dir, cmd.Env = folder, environment()
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make image: %w\n%s", err, output)
	}
	return nil
}

// environment is this one without what make and Go were told for the tests.
func environment() []string {
	var kept []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		switch name {
		case "CGO_ENABLED", "GOFLAGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS":
		default:
			kept = append(kept, pair)
		}
	}
	return kept
}

// read reads a file of the sources.
func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(sources, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// must runs a command and returns what it printed.
func must(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out.String(), problems.String())
	}
	return out.String()
}
