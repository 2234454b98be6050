// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// made is what a verified release says of itself.
type made struct{ tag, commit, builder string }

// verify tells whether a folder holds what was signed, all of it, and nothing else.
func verify(folder string, key *ecdsa.PublicKey) (made, error) {
	found, err := sumsOf(folder)
	if err != nil {
		return made{}, err
	}
	if err := verifySums(folder, found, key); err != nil {
		return made{}, err
	}
	told, err := verifyProvenance(folder, key)
	if err != nil {
		return made{}, err
	}
	want, err := subjects(found, folder)
	if err != nil {
		return made{}, err
	}
	if !reflect.DeepEqual(told.Subject, want) {
		return made{}, errors.New("the provenance is of other files")
	}
	definition := told.Predicate.BuildDefinition
	for _, dependency := range definition.ResolvedDependencies {
		if dependency.URI == "git+"+repository+"@refs/tags/"+definition.ExternalParameters.Tag && dependency.Digest["gitCommit"] != "" {
			return made{definition.ExternalParameters.Tag, dependency.Digest["gitCommit"], told.Predicate.RunDetails.Builder.ID}, nil
		}
	}
	return made{}, errors.New("the provenance does not say of which commit it was made")
}

func verifySums(folder string, found sums, key *ecdsa.PublicKey) error {
	text, err := os.ReadFile(filepath.Join(folder, sumsFile))
	if err != nil {
		return err
	}
	encoded, err := os.ReadFile(filepath.Join(folder, signatureFile))
	if err != nil {
		return err
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(string(encoded), "\n")) // one text for one signature
	if err != nil || !signedBy(key, text, signature) {
		return fmt.Errorf("%s was not signed with this key", sumsFile)
	}
	signed := sums{}
	for line := range strings.Lines(string(text)) {
		sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		signed[name] = sum
	}
	for name, sum := range signed {
		switch got, is := found[name]; {
		case !is:
			return fmt.Errorf("%s is missing", name)
		case got != sum:
			return fmt.Errorf("%s is not what was signed", name)
		}
	}
	for name := range found {
		if signed[name] == "" {
			return fmt.Errorf("%s was not signed", name)
		}
	}
	return nil
}

func verifyProvenance(folder string, key *ecdsa.PublicKey) (told statement, err error) {
	text, err := os.ReadFile(filepath.Join(folder, provenanceFile))
	if err != nil {
		return told, err
	}
	var sealed envelope
	if err := strictly(text, &sealed); err != nil {
		return told, fmt.Errorf("%s: %w", provenanceFile, err)
	}
	trusted := false
	for _, one := range sealed.Signatures {
		trusted = trusted || signedBy(key, preimage(sealed.PayloadType, sealed.Payload), one.Sig)
	}
	if !trusted || sealed.PayloadType != payloadType {
		return told, fmt.Errorf("%s was not signed with this key", provenanceFile)
	}
	if err := strictly(sealed.Payload, &told); err != nil {
		return told, fmt.Errorf("%s: %w", provenanceFile, err)
	}
	if told.Type != statementType || told.PredicateType != provenanceType || told.Predicate.BuildDefinition.BuildType != buildType {
		return told, fmt.Errorf("%s is a statement of another kind", provenanceFile)
	}
	return told, nil
}

// strictly reads JSON in which nothing is that is not understood.
func strictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("there is something after its end")
	}
	return nil
}

// expected compares with what whoever verifies knows from elsewhere; empty is anything.
func (m made) expected(commit, tag string) error {
	if commit != "" && m.commit != commit {
		return fmt.Errorf("it was made of the commit %s, not %s", m.commit, commit)
	}
	if tag != "" && m.tag != tag {
		return fmt.Errorf("it is %s, not %s", m.tag, tag)
	}
	return nil
}
