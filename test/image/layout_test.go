// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The layout is read as the specification has it, not with the library it was
// written with.
type descriptor struct {
	MediaType   string
	Digest      string
	Size        int64
	Platform    struct{ OS, Architecture string }
	Annotations map[string]string
}

type index struct{ Manifests []descriptor }

type manifest struct {
	Config descriptor
	Layers []descriptor
}

type settings struct {
	User, WorkingDir                              string
	Entrypoint, Cmd, Env, OnBuild, Shell, Volumes []string
	Labels                                        map[string]string
}

type configuration struct {
	Created, OS, Architecture string
	Config                    settings
	RootFS                    struct {
		DiffIDs []string `json:"diff_ids"`
	}
}

// file is one of an image's layers.
type file struct {
	tar.Header

	content []byte
}

// image is one of the layout's images.
type image struct {
	platform      string
	configuration configuration
	files         []file
}

// layout is an OCI layout, and remembers which blobs were read.
type layout struct {
	folder string
	read   map[string]bool
}

func (l *layout) blob(t *testing.T, d descriptor) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(l.folder, "blobs", strings.Replace(d.Digest, ":", "/", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got := digest(content); got != d.Digest || int64(len(content)) != d.Size {
		t.Fatalf("the blob %s of %d bytes is %s of %d", d.Digest, d.Size, got, len(content))
	}
	l.read[d.Digest] = true
	return content
}

// images reads every image that the layout's one name leads to.
func (l *layout) images(t *testing.T) []image {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(l.folder, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	top := decode[index](t, content)
	if len(top.Manifests) != 1 {
		t.Fatalf("the layout names %d things, not one index", len(top.Manifests))
	}
	if got := top.Manifests[0].Annotations["org.opencontainers.image.ref.name"]; got != version {
		t.Errorf("the layout names its index %q, not %q", got, version)
	}
	var all []image
	for _, d := range decode[index](t, l.blob(t, top.Manifests[0])).Manifests {
		m := decode[manifest](t, l.blob(t, d))
		one := image{
			platform:      d.Platform.OS + "/" + d.Platform.Architecture,
			configuration: decode[configuration](t, l.blob(t, m.Config)),
		}
		for i, layer := range m.Layers {
			archive := unzip(t, l.blob(t, layer))
			if got := digest(archive); got != one.configuration.RootFS.DiffIDs[i] {
				t.Errorf("layer %d is %s, and the config says %s", i, got, one.configuration.RootFS.DiffIDs[i])
			}
			one.files = append(one.files, unpack(t, archive)...)
		}
		all = append(all, one)
	}
	return all
}

// built is the image of this machine's platform.
func built(t *testing.T) image {
	t.Helper()
	images := (&layout{filepath.Join(dist, "image"), map[string]bool{}}).images(t)
	if len(images) != 1 || images[0].platform != platform {
		t.Fatalf("the layout does not hold %s and nothing else: %d images, the first for %s", platform, len(images), images[0].platform)
	}
	return images[0]
}

// program is the content of what the image starts.
func (i image) program(t *testing.T) []byte {
	t.Helper()
	return i.content(t, i.configuration.Config.Entrypoint[0])
}

func (i image) content(t *testing.T, name string) []byte {
	t.Helper()
	for _, f := range i.files {
		if "/"+f.Name == name {
			return f.content
		}
	}
	t.Fatalf("the image does not hold %s", name)
	return nil
}

func unzip(t *testing.T, content []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	archive, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func unpack(t *testing.T, archive []byte) []file {
	t.Helper()
	var files []file
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file{*header, content})
	}
}

func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

func decode[T any](t *testing.T, text []byte) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return value
}
