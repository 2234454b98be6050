// SPDX-License-Identifier: Apache-2.0

// Command image builds what the Dockerfile builds, without a container engine: an
// image for several platforms as an OCI layout, and beside it a list of what each
// program is made of. The same sources, Go and arguments give the same bytes: the
// only time in it is SOURCE_DATE_EPOCH, in seconds; default: 0.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// release is what is stamped into an image.
type release struct {
	sources                   string // the folder that is built from
	version, revision, source string
	created                   time.Time
}

func main() {
	var r release
	flag.StringVar(&r.version, "version", "dev", "version to stamp")
	flag.StringVar(&r.revision, "revision", "unknown", "commit to stamp")
	flag.StringVar(&r.source, "source", "https://github.com/uptake-dev/uptake", "where the sources are")
	flag.StringVar(&r.sources, "C", ".", "folder with the sources")
	platforms := flag.String("platforms", "linux/amd64,linux/arm64", "platforms to build for, as OS/ARCHITECTURE, separated by commas")
	output := flag.String("output", "dist", "folder to write to; what it holds from an earlier build is replaced")
	flag.Parse()
	if err := run(r, strings.Split(*platforms, ","), *output); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(r release, names []string, output string) error {
	seconds, err := strconv.ParseInt(cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), "0"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	r.created = time.Unix(seconds, 0).UTC()
	if err := os.MkdirAll(output, 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp("", "uptake-image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temporary) }()

	index := v1.ImageIndex(empty.Index)
	for _, name := range names {
		platform, err := v1.ParsePlatform(name)
		if err != nil {
			return err
		}
		program, err := compile(r, platform, temporary)
		if err != nil {
			return fmt.Errorf("compiling for %s: %w", name, err)
		}
		if err := writeSBOM(r, platform, program, output); err != nil {
			return fmt.Errorf("listing what %s is made of: %w", name, err)
		}
		notices, err := noticesOf(r, program)
		if err != nil {
			return fmt.Errorf("the licences of %s: %w", name, err)
		}
		image, err := imageOf(r, platform, program, notices)
		if err != nil {
			return fmt.Errorf("the image for %s: %w", name, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return write(r, index, filepath.Join(output, "image"))
}

// compile builds the program as the Dockerfile does. What people set for themselves
// must not change it.
func compile(r release, platform *v1.Platform, folder string) (string, error) {
	program := filepath.Join(folder, platform.OS+"-"+platform.Architecture)
	ldflags := "-s -w -X main.version=" + r.version + " -X main.commit=" + r.revision
	cmd := goIn(r, "build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", program, "./cmd/uptake")
	cmd.Env = append(cmd.Env, "GOOS="+platform.OS, "GOARCH="+platform.Architecture)
	cmd.Stdout = os.Stderr
	return program, cmd.Run()
}

// noticesOf are the licences of what a program is made of, for people who get it.
func noticesOf(r release, program string) ([]byte, error) {
	return goIn(r, "run", "./hack/notices", program).Output()
}

// goIn is a Go command in the sources.
func goIn(r release, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath", "GOWORK=off", "GOAMD64=v1", "GOARM64=v8.0")
	cmd.Dir, cmd.Stderr = r.sources, os.Stderr
	return cmd
}

// write replaces the layout at a path with one of this index, named by its version.
func write(r release, index v1.ImageIndex, path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	to, err := layout.Write(path, empty.Index)
	if err != nil {
		return err
	}
	name := map[string]string{"org.opencontainers.image.ref.name": r.version}
	if err := to.AppendIndex(index, layout.WithAnnotations(name)); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	fmt.Printf("%s holds %s, %s\n", path, r.version, digest)
	return nil
}
