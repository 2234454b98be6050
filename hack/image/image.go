// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	title       = "Uptake"
	description = "Runs technology-adoption programs as Kubernetes resources"
	licence     = "Apache-2.0"
	label       = "org.opencontainers.image."
)

// config is what the final stage of the Dockerfile says.
func config(r release) v1.Config {
	return v1.Config{
		User:       "65532:65532",
		Entrypoint: []string{"/uptake"},
		WorkingDir: "/",
		Labels: map[string]string{
			label + "title":       title,
			label + "description": description,
			label + "licenses":    licence,
			label + "source":      r.source,
			label + "version":     r.version,
			label + "revision":    r.revision,
		},
	}
}

func imageOf(r release, platform *v1.Platform, program string, notices []byte) (v1.Image, error) {
	layer, err := layerOf(r, program, notices)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	created := v1.Time{Time: r.created}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		Created:      created,
		OS:           platform.OS,
		Architecture: platform.Architecture,
		Variant:      platform.Variant,
		Config:       config(r),
		RootFS:       v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(image, mutate.Addendum{
		Layer:     layer,
		MediaType: types.OCILayer,
		History:   v1.History{Created: created, CreatedBy: "make image"},
	})
}

// layerOf packs the program, its licence and those of what it is made of. Root owns them,
// and nobody can change them.
func layerOf(r release, program string, notices []byte) (v1.Layer, error) {
	licence, err := os.ReadFile(filepath.Join(r.sources, "LICENSE"))
	if err != nil {
		return nil, err
	}
	compiled, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, file := range []struct {
		name    string
		content []byte
		mode    int64
	}{
		{"LICENSE", licence, 0o644},
		{"THIRD_PARTY_NOTICES", notices, 0o644},
		{"uptake", compiled, 0o755},
	} {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: file.name, Mode: file.mode,
			Size: int64(len(file.content)), ModTime: r.created, Format: tar.FormatUSTAR,
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(file.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	// Cached, because compressing is what takes long, and is asked for more than once.
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	}, tarball.WithCompressedCaching)
}
