// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const payloadType = "application/vnd.in-toto+json"

// envelope is a signed statement, in the form of DSSE.
type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     []byte      `json:"payload"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// preimage is what of an envelope is signed: its type too, so that what was signed as
// one thing is never taken for another.
func preimage(kind string, payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload)
}

// sign writes the sums, their signature, and the signed statement.
func sign(folder string, s sums, made statement, key *ecdsa.PrivateKey) error {
	text := []byte(s.String())
	signed, err := signatureOf(text, key)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(made)
	if err != nil {
		return err
	}
	sealed := envelope{PayloadType: payloadType, Payload: payload, Signatures: []signature{{}}}
	if sealed.Signatures[0].Sig, err = signatureOf(preimage(payloadType, payload), key); err != nil {
		return err
	}
	provenance, err := json.Marshal(sealed)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		sumsFile: text, signatureFile: []byte(base64.StdEncoding.EncodeToString(signed) + "\n"), provenanceFile: append(provenance, '\n'),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil { //nolint:gosec // for everybody
			return err
		}
	}
	return nil
}

func signatureOf(content []byte, key *ecdsa.PrivateKey) ([]byte, error) {
	sum := sha256.Sum256(content)
	return ecdsa.SignASN1(rand.Reader, key, sum[:])
}

func signedBy(key *ecdsa.PublicKey, content, signature []byte) bool {
	sum := sha256.Sum256(content)
	return ecdsa.VerifyASN1(key, sum[:], signature)
}

// privateKey reads the key from a file, or else from the variable.
func privateKey(file string) (*ecdsa.PrivateKey, error) {
	text := []byte(os.Getenv(keyVariable))
	if file != "" {
		var err error
		if text, err = os.ReadFile(file); err != nil {
			return nil, err
		}
	}
	if len(text) == 0 {
		return nil, errors.New("a release is signed: give a file with -key, or a key in " + keyVariable)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the private key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the private key is not one of PKCS #8 without a passphrase") // never with what is in it
	}
	key, is := parsed.(*ecdsa.PrivateKey)
	if !is || key.Curve != elliptic.P256() {
		return nil, errors.New("the private key is not of ECDSA on P-256")
	}
	return key, nil
}

func publicKey(file string) (*ecdsa.PublicKey, error) {
	if file == "" {
		return nil, errors.New("give the public key with -key; one that lies beside the files proves nothing")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", file)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	key, is := parsed.(*ecdsa.PublicKey)
	if !is || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%s is no public key of ECDSA on P-256", file)
	}
	return key, nil
}
