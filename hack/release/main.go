// SPDX-License-Identifier: Apache-2.0

// Command release makes the files of a release from a tag, says what they were made of,
// and signs that; or verifies such files, without a network. docs/release.md has the
// steps. The same tag and Go give the same bytes, but for signatures.
//
//	release build -tag TAG -output FOLDER [-key FILE]
//	release verify -key FILE [-commit COMMIT] [-tag TAG] FOLDER
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

const (
	// keyVariable has the private key where no file is given, as hosts of secrets do.
	keyVariable = "UPTAKE_RELEASE_KEY"
	repository  = "https://github.com/uptake-dev/uptake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say build or verify")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	key := flags.String("key", "", "file with the key, as PEM: to sign the private one (default: the text of "+keyVariable+"), to verify the public one")
	tag := flags.String("tag", "", "tag of the release")
	switch args[0] {
	case "build":
		b := build{}
		flags.StringVar(&b.repository, "C", ".", "the repository")
		flags.StringVar(&b.platforms, "platforms", "linux/amd64,linux/arm64", "platforms of the image")
		flags.StringVar(&b.builder, "builder", repository+"/blob/main/docs/release.md#built-by-hand", "who builds, as a URI")
		flags.StringVar(&b.output, "output", "dist/release", "folder to write to, which must not exist")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		b.tag = *tag
		return b.run(ctx, *key)
	case "verify":
		commit := flags.String("commit", "", "commit that it has to be made of")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if flags.NArg() != 1 {
			return errors.New("say which folder to verify")
		}
		public, err := publicKey(*key)
		if err != nil {
			return err
		}
		made, err := verify(flags.Arg(0), public)
		if err != nil {
			return err
		}
		if err := made.expected(*commit, *tag); err != nil {
			return err
		}
		fmt.Printf("%s is what was signed: %s, made of the commit %s by %s\n", filepath.Clean(flags.Arg(0)), made.tag, made.commit, made.builder)
		return nil
	}
	return fmt.Errorf("%s is neither build nor verify", args[0])
}
