// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// packed packs a folder, below a name: always in the same order, with one time, and of
// nobody. Files whose names begin with a dot are for tools.
func packed(folder, below string, at time.Time) ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	files := os.DirFS(folder)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is no file", name)
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: path.Join(below, name), Mode: 0o644,
			Size: int64(len(content)), ModTime: at, Format: tar.FormatUSTAR,
		}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	err = errors.Join(err, w.Close()) // which writes the rest
	return archive.Bytes(), err
}

func zipped(content []byte) ([]byte, error) {
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed) // without a time or a name
	_, err := w.Write(content)
	err = errors.Join(err, w.Close()) // which writes the rest
	return compressed.Bytes(), err
}

// unpack writes the files of an archive below a folder, and never anywhere else.
func unpack(archive []byte, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch header.Typeflag {
		case tar.TypeXGlobalHeader, tar.TypeDir: // git says of which commit it is
		case tar.TypeReg:
			content, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			if err := root.MkdirAll(filepath.Dir(header.Name), 0o755); err != nil {
				return err
			}
			if err := root.WriteFile(header.Name, content, fs.FileMode(header.Mode)&0o777); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s is no file", header.Name)
		}
	}
}

// fileOf is one of the files of an archive.
func fileOf(archive []byte, name string) ([]byte, error) {
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if header.Name == name {
			return io.ReadAll(r)
		}
	}
}
