// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
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
	statementType  = "https://in-toto.io/Statement/v1"
	provenanceType = "https://slsa.dev/provenance/v1"
	// buildType says how to read the parameters.
	buildType = repository + "/blob/main/docs/release.md#provenance"
)

// statement is an in-toto statement of version 1 with SLSA provenance of version 1.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     provenance `json:"predicate"`
}

// resource is something with a digest.
type resource struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

type provenance struct {
	BuildDefinition struct {
		BuildType            string     `json:"buildType"`
		ExternalParameters   parameters `json:"externalParameters"`
		ResolvedDependencies []resource `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
	} `json:"runDetails"`
}

// parameters are what somebody chooses who asks for a release.
type parameters struct {
	Source    string `json:"source"`
	Tag       string `json:"tag"`
	Platforms string `json:"platforms"`
}

// statement says what the files are, and what they were made of. No time is in it, so
// that whoever builds the tag again gets the same.
func (b *build) statement(s sums) (statement, error) {
	made := statement{Type: statementType, PredicateType: provenanceType}
	var err error
	if made.Subject, err = subjects(s, b.output); err != nil {
		return made, err
	}
	made.Predicate.RunDetails.Builder.ID = b.builder
	definition := &made.Predicate.BuildDefinition
	definition.BuildType = buildType
	definition.ExternalParameters = parameters{Source: repository, Tag: b.tag, Platforms: b.platforms}
	definition.ResolvedDependencies = []resource{
		{URI: "git+" + repository + "@refs/tags/" + b.tag, Digest: map[string]string{"gitCommit": b.commit}},
		{URI: "pkg:golang/std@" + goVersion()},
	}
	modules, err := b.modules()
	definition.ResolvedDependencies = append(definition.ResolvedDependencies, modules...)
	return made, err
}

// subjects are the files, and the image as a registry names it.
func subjects(s sums, folder string) ([]resource, error) {
	var all []resource
	for _, name := range slices.Sorted(maps.Keys(s)) {
		all = append(all, resource{Name: name, Digest: map[string]string{"sha256": s[name]}})
	}
	name, digest, err := imageOf(folder)
	return append(all, resource{Name: name, Digest: map[string]string{"sha256": digest}}), err
}

// modules are those of the programs, with the sums that go.sum has of them.
func (b *build) modules() ([]resource, error) {
	lists, err := filepath.Glob(filepath.Join(b.output, "*.cdx.json"))
	if err != nil {
		return nil, err
	}
	checked, err := os.ReadFile(filepath.Join(b.sources, "go.sum"))
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	for line := range strings.Lines(string(checked)) {
		if words := strings.Fields(line); len(words) == 3 {
			known[words[0]+"@"+words[1]] = words[2]
		}
	}
	found := map[string]resource{}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			return nil, err
		}
		var bom struct {
			Components []struct{ Name, Version, PURL string }
		}
		if err := json.Unmarshal(text, &bom); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(list), err)
		}
		for _, c := range bom.Components {
			if c.Name == "std" {
				continue
			}
			sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(known[c.Name+"@"+c.Version], "h1:"))
			if err != nil || len(sum) == 0 {
				return nil, fmt.Errorf("%s %s has no sum in go.sum", c.Name, c.Version)
			}
			found[c.PURL] = resource{URI: c.PURL, Digest: map[string]string{"dirHash": hex.EncodeToString(sum)}}
		}
	}
	var all []resource
	for _, url := range slices.Sorted(maps.Keys(found)) {
		all = append(all, found[url])
	}
	return all, nil
}
