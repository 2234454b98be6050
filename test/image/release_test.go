// SPDX-License-Identifier: Apache-2.0

package image

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tag = "v0.1.0" // what the chart says

// repositoryOf is a repository of the sources, with a tag.
func repositoryOf(t *testing.T) (folder, commit string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "repository")
	if err := os.CopyFS(folder, os.DirFS(sources)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "-m", "all"}, {"tag", tag},
	} {
		git(t, folder, args...)
	}
	return folder, strings.TrimSpace(git(t, folder, "rev-parse", "HEAD"))
}

func git(t *testing.T, folder string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=tested", "-c", "user.email=tested@example.com", "-c", "core.autocrlf=false"}, args...)...)
	cmd.Dir = folder
	cmd.Env = append(environment(), "GIT_AUTHOR_DATE="+epoch+" +0000", "GIT_COMMITTER_DATE="+epoch+" +0000",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	return must(t, cmd)
}

// keys are a pair, as openssl makes one.
func keys(t *testing.T) (private, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	private, public = filepath.Join(t.TempDir(), "private.pem"), filepath.Join(t.TempDir(), "public.pem")
	for name, block := range map[string]*pem.Block{private: {Type: "PRIVATE KEY", Bytes: secret}, public: {Type: "PUBLIC KEY", Bytes: shown}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return private, public
}

func release(folder string, args ...string) (string, error) {
	cmd := exec.Command("go", append([]string{"run", "./hack/release"}, args...)...)
	cmd.Dir, cmd.Env = folder, environment()
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// A tag becomes the same files wherever it is built, signatures apart; they are verified
// with the public key alone, and a change of any of them is noticed.
func TestAReleaseIsReproducibleAndVerified(t *testing.T) {
	folder, commit := repositoryOf(t)
	private, public := keys(t)
	first, second := filepath.Join(t.TempDir(), "release"), filepath.Join(t.TempDir(), "release")
	build := func(folder, output string) {
		t.Helper()
		if said, err := release(folder, "build", "-tag", tag, "-key", private, "-platforms", platform, "-output", output); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	build(folder, first)
	elsewhere, _ := repositoryOf(t)
	build(elsewhere, second)

	signed := []string{"SHA256SUMS.sig", "provenance.intoto.json"}
	here, there := digests(t, first), digests(t, second)
	if len(here) != 9 { // an image, a list of modules, two charts, two manifests, and three that vouch for them
		t.Errorf("a release is %v", here)
	}
	for _, name := range signed {
		delete(here, name)
		delete(there, name)
	}
	if diff := cmp.Diff(here, there); diff != "" {
		t.Errorf("another folder gives another release (- here, + there):\n%s", diff)
	}
	if diff := cmp.Diff(payload(t, first), payload(t, second)); diff != "" {
		t.Errorf("another folder gives another provenance:\n%s", diff)
	}
	must(t, &exec.Cmd{Path: lookedUp(t, "sha256sum"), Args: []string{"sha256sum", "--strict", "-c", "SHA256SUMS"}, Dir: first})

	if said, err := release(folder, "verify", "-key", public, "-commit", commit, "-tag", tag, first); err != nil || !strings.Contains(said, commit) {
		t.Fatalf("%v\n%s", err, said)
	}
	if said, err := release(folder, "verify", "-key", public, "-commit", revision, first); err == nil {
		t.Errorf("another commit is as good:\n%s", said)
	}
	chart := filepath.Join(first, "uptake-"+strings.TrimPrefix(tag, "v")+".tgz")
	helm := os.Getenv("UPTAKE_HELM")
	if helm == "" {
		t.Fatal("UPTAKE_HELM is needed: hack/helm/build.sh")
	}
	if said := must(t, exec.Command(helm, "template", "uptake", chart, "--set", "image.repository=registry.example.com/uptake")); !strings.Contains(said, "registry.example.com/uptake:"+tag) {
		t.Error("the chart does not install the image of the release")
	}

	content, err := os.ReadFile(chart)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(chart, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := release(folder, "verify", "-key", public, first); err == nil || !strings.Contains(said, filepath.Base(chart)+" is not what was signed") {
		t.Errorf("%v\n%s", err, said)
	}
}

// payload is the statement of a release.
func payload(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "provenance.intoto.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sealed struct{ Payload []byte }
	if err := json.Unmarshal(text, &sealed); err != nil {
		t.Fatal(err)
	}
	return string(sealed.Payload)
}

func lookedUp(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Nothing is released that is not exactly the tag.
func TestAReleaseIsOfATagAndNothingElse(t *testing.T) {
	folder, _ := repositoryOf(t)
	private, _ := keys(t)
	refused := func(why string, args ...string) {
		t.Helper()
		said, err := release(folder, append([]string{"build", "-output", filepath.Join(t.TempDir(), "release")}, args...)...)
		if err == nil || !strings.Contains(said, why) {
			t.Errorf("not refused with %q: %v\n%s", why, err, said)
		}
	}
	refused("a release is signed", "-tag", tag)
	refused("is no tag of a release", "-tag", "main", "-key", private)
	refused("refs/tags/v9.9.9", "-tag", "v9.9.9", "-key", private)
	if err := os.WriteFile(filepath.Join(folder, "more"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	refused("not committed", "-tag", tag, "-key", private)
	git(t, folder, "add", "-A")
	git(t, folder, "commit", "-q", "-m", "more")
	refused("checked out is", "-tag", tag, "-key", private)
	git(t, folder, "tag", "v0.2.0")
	refused("charts/uptake says version 0.1.0", "-tag", "v0.2.0", "-key", private, "-platforms", platform)
}
