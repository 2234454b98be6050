// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// build is what a release is made of.
type build struct {
	repository, tag, platforms, builder, output string

	// found from the tag
	commit string
	at     time.Time
	// sources is the tag's content, and nothing that lies around.
	sources string
}

func (b *build) run(ctx context.Context, keyFile string) error {
	key, err := privateKey(keyFile)
	if err != nil {
		return err
	}
	if err := b.find(ctx); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp("", "uptake-release-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	b.sources = filepath.Join(temporary, "sources")
	made := filepath.Join(temporary, "made")
	if err := b.export(ctx); err != nil {
		return err
	}
	if b.output, err = filepath.Abs(b.output); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(b.output), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(b.output, 0o755); err != nil {
		return fmt.Errorf("nothing of another release must be in it: %w", err)
	}
	for _, step := range []func(context.Context, string) error{b.charts, b.manifests, b.image} {
		if err := step(ctx, made); err != nil {
			return err
		}
	}
	sums, err := sumsOf(b.output)
	if err != nil {
		return err
	}
	statement, err := b.statement(sums)
	if err != nil {
		return err
	}
	return sign(b.output, sums, statement, key)
}

var tags = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`)

// find finds the commit of the tag. It has to be what is checked out, unchanged: whoever
// makes a release by mistake of something else should notice.
func (b *build) find(ctx context.Context) error {
	if !tags.MatchString(b.tag) {
		return fmt.Errorf("%q is no tag of a release, such as v1.2.3", b.tag)
	}
	changed, err := b.git(ctx, "status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" {
		return fmt.Errorf("there is what is not committed:\n%s", changed)
	}
	if b.commit, err = b.git(ctx, "rev-parse", "--verify", "refs/tags/"+b.tag+"^{commit}"); err != nil {
		return err
	}
	head, err := b.git(ctx, "rev-parse", "--verify", "HEAD")
	if err != nil {
		return err
	}
	if head != b.commit {
		return fmt.Errorf("%s is the commit %s, and checked out is %s", b.tag, b.commit, head)
	}
	seconds, err := b.git(ctx, "log", "-1", "--format=%ct", b.commit)
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(seconds, 10, 64)
	b.at = time.Unix(at, 0).UTC()
	return err
}

func (b *build) git(ctx context.Context, args ...string) (string, error) {
	output, err := b.command(ctx, b.repository, "git", args...)
	return strings.TrimSpace(string(output)), err
}

// export writes the tag's content.
func (b *build) export(ctx context.Context) error {
	archive, err := b.command(ctx, b.repository, "git", "archive", "--format=tar", b.commit)
	if err != nil {
		return err
	}
	return unpack(archive, b.sources)
}

// image builds the image, as one file that tools push, and the lists of its modules.
func (b *build) image(ctx context.Context, made string) error {
	_, err := b.command(ctx, filepath.Join(b.sources, "hack", "image"), "go", "run", ".", "-C", b.sources, "-source", repository,
		"-version", b.tag, "-revision", b.commit, "-platforms", b.platforms, "-output", made)
	if err != nil {
		return err
	}
	archive, err := packed(filepath.Join(made, "image"), "", b.at)
	if err != nil {
		return err
	}
	if err := b.write(b.imageFile(), archive); err != nil {
		return err
	}
	lists, err := filepath.Glob(filepath.Join(made, "*.cdx.json"))
	if err != nil || len(lists) == 0 {
		return errors.Join(errors.New("the image has no list of its modules"), err)
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			return err
		}
		if err := b.write(filepath.Base(list), text); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) imageFile() string { return "uptake-" + b.tag + imageSuffix }

// charts packs the charts. That of the operator has the version of the release.
func (b *build) charts(_ context.Context, _ string) error {
	for _, name := range []string{"uptake", "playbooks"} {
		folder := filepath.Join(b.sources, "charts", name)
		says, err := os.ReadFile(filepath.Join(folder, "Chart.yaml"))
		if err != nil {
			return err
		}
		version, app := field(says, "version"), field(says, "appVersion")
		if name == "uptake" && ("v"+version != b.tag || app != b.tag) {
			return fmt.Errorf("charts/uptake says version %s and appVersion %s, and the tag is %s", version, app, b.tag)
		}
		archive, err := packed(folder, name, b.at)
		if err != nil {
			return err
		}
		compressed, err := zipped(archive)
		if err != nil {
			return err
		}
		if err := b.write(name+"-"+version+".tgz", compressed); err != nil {
			return err
		}
	}
	return nil
}

func field(text []byte, name string) string {
	found := regexp.MustCompile(`(?m)^` + name + `: *"?([^"\s]+)"?$`).FindSubmatch(text)
	if found == nil {
		return ""
	}
	return string(found[1])
}

// manifests are for those who use no Helm.
func (b *build) manifests(ctx context.Context, _ string) error {
	for _, one := range []struct{ name, folder string }{{"install.yaml", "config/default"}, {"crds.yaml", "config/crd"}} {
		text, err := b.command(ctx, b.sources, "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", one.folder)
		if err != nil {
			return err
		}
		if one.name == "install.yaml" && !bytes.Contains(text, []byte("image: uptake-dev/uptake:"+b.tag+"\n")) {
			return fmt.Errorf("config/default does not install %s", b.tag)
		}
		if err := b.write(one.name, text); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) write(name string, content []byte) error {
	return os.WriteFile(filepath.Join(b.output, name), content, 0o644) //nolint:gosec // for everybody
}

// command runs a program. What people set for themselves must not change what it makes.
func (b *build) command(ctx context.Context, folder, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder
	var problems bytes.Buffer
	cmd.Stderr = &problems
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0", "SOURCE_DATE_EPOCH="+strconv.FormatInt(b.at.Unix(), 10))
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, problems.String())
	}
	return output, nil
}

// goVersion is that of the Go that runs this, and so of the one that it runs.
func goVersion() string { return strings.TrimPrefix(runtime.Version(), "go") }
