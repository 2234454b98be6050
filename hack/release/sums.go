// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	sumsFile       = "SHA256SUMS"
	signatureFile  = "SHA256SUMS.sig"
	provenanceFile = "provenance.intoto.json"

	imageSuffix = "-image.tar"
)

// sums are the SHA-256 of the files of a release, in hexadecimal.
type sums map[string]string

// sumsOf sums what is in a folder. Nothing else may be there.
func sumsOf(folder string) (sums, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	found := sums{}
	for _, entry := range entries {
		switch name := entry.Name(); {
		case name == sumsFile || name == signatureFile || name == provenanceFile:
		case !entry.Type().IsRegular():
			return nil, fmt.Errorf("%s is no file", name)
		default:
			content, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				return nil, err
			}
			found[name] = hash(content)
		}
	}
	return found, nil
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// String is the form that sha256sum -c reads.
func (s sums) String() string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&text, "%s  %s\n", s[name], name)
	}
	return text.String()
}

// imageOf is the digest of the image in a release: what a registry names it by.
func imageOf(folder string) (name, digest string, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*"+imageSuffix))
	if err != nil {
		return "", "", err
	}
	if len(files) != 1 {
		return "", "", fmt.Errorf("%d images", len(files))
	}
	archive, err := os.ReadFile(files[0])
	if err != nil {
		return "", "", err
	}
	text, err := fileOf(archive, "index.json")
	if err != nil {
		return "", "", err
	}
	var index struct{ Manifests []struct{ Digest string } }
	if err := json.Unmarshal(text, &index); err != nil {
		return "", "", err
	}
	if len(index.Manifests) != 1 {
		return "", "", fmt.Errorf("the layout names %d things", len(index.Manifests))
	}
	digest, is := strings.CutPrefix(index.Manifests[0].Digest, "sha256:")
	if !is {
		return "", "", fmt.Errorf("the image is named by %s", index.Manifests[0].Digest)
	}
	return "uptake", digest, nil
}
