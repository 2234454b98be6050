// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// released is the folder of a small release.
func released(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	b := &build{tag: "v1.2.3", platforms: "linux/amd64", builder: "https://example.com/builder", commit: commit, output: t.TempDir(), sources: t.TempDir()}
	layout := t.TempDir()
	put(t, filepath.Join(layout, "index.json"), `{"manifests":[{"digest":"sha256:`+strings.Repeat("ab", 32)+`"}]}`)
	archive, err := packed(layout, "", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(b.sources, "go.sum"), "example.com/m v1.0.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	put(t, filepath.Join(b.output, b.imageFile()), string(archive))
	put(t, filepath.Join(b.output, "uptake-linux-amd64.cdx.json"), `{"components":[{"name":"std","version":"1"},{"name":"example.com/m","version":"v1.0.0","purl":"pkg:golang/example.com/m@v1.0.0"}]}`)
	put(t, filepath.Join(b.output, "install.yaml"), "kind: List\n")
	s, err := sumsOf(b.output)
	if err != nil {
		t.Fatal(err)
	}
	made, err := b.statement(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := sign(b.output, s, made, key); err != nil {
		t.Fatal(err)
	}
	return b.output
}

func TestWhatWasSignedIsVerified(t *testing.T) {
	key := newKey(t)
	folder := released(t, key)
	got, err := verify(folder, &key.PublicKey)
	if want := (made{"v1.2.3", commit, "https://example.com/builder"}); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	if got.expected(commit, "v1.2.3") != nil || got.expected("", "") != nil || got.expected("another", "") == nil || got.expected("", "v1.2.4") == nil {
		t.Error("another commit or tag is as good")
	}
	if _, err := verify(folder, &newKey(t).PublicKey); err == nil {
		t.Error("any key will do")
	}
}

// What a bit in any file does, and a file too few or too many.
func TestWhateverIsChangedIsRefused(t *testing.T) {
	key := newKey(t)
	folder := released(t, key)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 6 {
		t.Fatalf("a release of %d files", len(entries))
	}
	refused := func(what string, change func(copied string) error) {
		t.Helper()
		copied := filepath.Join(t.TempDir(), "copied")
		if err := errors.Join(os.CopyFS(copied, os.DirFS(folder)), change(copied)); err != nil {
			t.Fatal(err)
		}
		if _, err := verify(copied, &key.PublicKey); err == nil {
			t.Errorf("%s: nobody notices", what)
		}
	}
	for _, entry := range entries {
		name := entry.Name()
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{0, len(content) / 3, len(content) / 2, len(content) - 3} {
			changed := slices.Clone(content)
			changed[at] ^= 1
			refused(name+" with another bit", func(copied string) error { return os.WriteFile(filepath.Join(copied, name), changed, 0o644) })
		}
		refused(name+" is missing", func(copied string) error { return os.Remove(filepath.Join(copied, name)) })
	}
	refused("a file more", func(copied string) error { return os.WriteFile(filepath.Join(copied, "more"), nil, 0o644) })
	refused("a folder more", func(copied string) error { return os.Mkdir(filepath.Join(copied, "more"), 0o755) })
}

// reseal signs another statement or kind of payload with the right key.
func reseal(t *testing.T, folder string, key *ecdsa.PrivateKey, kind string, change func(*statement)) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, provenanceFile))
	if err != nil {
		t.Fatal(err)
	}
	var sealed envelope
	var told statement
	if err := errors.Join(json.Unmarshal(text, &sealed), json.Unmarshal(sealed.Payload, &told)); err != nil {
		t.Fatal(err)
	}
	change(&told)
	if sealed.Payload, err = json.Marshal(told); err != nil {
		t.Fatal(err)
	}
	sealed.PayloadType = kind
	if sealed.Signatures[0].Sig, err = signatureOf(preimage(kind, sealed.Payload), key); err != nil {
		t.Fatal(err)
	}
	if text, err = json.Marshal(sealed); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(folder, provenanceFile), string(text))
}

// A signature of another release, or for another purpose, is none for this one.
func TestAnotherProvenanceOfTheSameKeyIsRefused(t *testing.T) {
	key := newKey(t)
	for what, change := range map[string]func(*statement){
		"another file": func(s *statement) { s.Subject[0].Digest["sha256"] = strings.Repeat("0", 64) },
		"a file fewer": func(s *statement) { s.Subject = s.Subject[1:] },
		"another image": func(s *statement) {
			s.Subject[len(s.Subject)-1].Digest["sha256"] = strings.Repeat("0", 64)
		},
		"another kind of statement": func(s *statement) { s.PredicateType = "https://example.com/v1" },
		"another build":             func(s *statement) { s.Predicate.BuildDefinition.BuildType = "https://example.com/v1" },
		"no commit": func(s *statement) {
			s.Predicate.BuildDefinition.ResolvedDependencies = s.Predicate.BuildDefinition.ResolvedDependencies[1:]
		},
		"the commit of another tag": func(s *statement) { s.Predicate.BuildDefinition.ExternalParameters.Tag = "v9.9.9" },
	} {
		folder := released(t, key)
		reseal(t, folder, key, payloadType, change)
		if _, err := verify(folder, &key.PublicKey); err == nil {
			t.Errorf("%s: nobody notices", what)
		}
	}
	folder := released(t, key)
	reseal(t, folder, key, "text/plain", func(*statement) {})
	if _, err := verify(folder, &key.PublicKey); err == nil {
		t.Error("what was signed as a text is taken for a statement")
	}
	reseal(t, folder, key, payloadType, func(*statement) {})
	if _, err := verify(folder, &key.PublicKey); err != nil {
		t.Errorf("this test reseals wrongly, so it shows nothing: %v", err)
	}
}

// TestTheFormsAreThoseOfOthers compares with the texts of the specifications.
func TestTheFormsAreThoseOfOthers(t *testing.T) {
	// The example of DSSE's protocol.
	if got, want := string(preimage("http://example.com/HelloWorld", []byte("hello world"))), "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("%q", got)
	}
	folder := released(t, newKey(t))
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var sealed struct{ PayloadType, Payload string }
	if err := json.Unmarshal([]byte(read(provenanceFile)), &sealed); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(sealed.Payload)
	if err != nil || sealed.PayloadType != "application/vnd.in-toto+json" {
		t.Fatalf("%s: %v", sealed.PayloadType, err)
	}
	for _, want := range []string{
		`"_type":"https://in-toto.io/Statement/v1"`, `"predicateType":"https://slsa.dev/provenance/v1"`,
		`"digest":{"gitCommit":"` + commit + `"}`, `"builder":{"id":"https://example.com/builder"}`,
		// The sum of nothing, in the hexadecimal that in-toto wants and not in go.sum's base64.
		`"digest":{"dirHash":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`,
	} {
		if !strings.Contains(string(payload), want) {
			t.Errorf("no %s in\n%s", want, payload)
		}
	}
	if line, _, _ := strings.Cut(read(sumsFile), "\n"); len(line) != 64+2+len("install.yaml") {
		t.Errorf("sha256sum does not read %q", line)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	key := newKey(t)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	t.Setenv(keyVariable, text)
	if got, err := privateKey(""); err != nil || !got.Equal(key) {
		t.Errorf("the key of the variable: %v", err)
	}
	file := filepath.Join(t.TempDir(), "key")
	put(t, file, text)
	if got, err := privateKey(file); err != nil || !got.Equal(key) {
		t.Errorf("the key of a file: %v", err)
	}
	if _, err := publicKey(file); err == nil {
		t.Error("a private key is taken for a public one")
	}
	if _, err := publicKey(""); err == nil {
		t.Error("nothing is taken for a public key")
	}
	t.Setenv(keyVariable, "")
	if _, err := privateKey(""); err == nil {
		t.Error("nothing is taken for a private key")
	}
	t.Setenv(keyVariable, strings.Replace(text, "M", "-", 3))
	if _, err := privateKey(""); err == nil || strings.Contains(err.Error(), text[40:60]) {
		t.Errorf("a broken key: %v", err)
	}
}

// What is packed is whole: a file without its end is read by some tools and not by others.
func TestAnArchiveIsWhole(t *testing.T) {
	folder := t.TempDir()
	put(t, filepath.Join(folder, "a", "file"), "text")
	put(t, filepath.Join(folder, ".hidden"), "for tools")
	archive, err := packed(folder, "below", time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	compressed, err := zipped(archive)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	again, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(again, archive) || len(archive) != 2*512+1024 { // a header, a block, and two empty ones
		t.Fatalf("%d bytes, then %d: %v", len(archive), len(again), err)
	}
	if text, err := fileOf(archive, "below/a/file"); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := fileOf(archive, "below/.hidden"); err == nil {
		t.Error("what is for tools is packed")
	}
}

func TestAnArchiveStaysInItsFolder(t *testing.T) {
	archive, err := packed(filepath.Join("..", "release"), "../../elsewhere", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := unpack(archive, t.TempDir()); err == nil {
		t.Error("it was written elsewhere")
	}
}
