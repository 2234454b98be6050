// SPDX-License-Identifier: Apache-2.0

// Package crd holds the CustomResourceDefinitions of Uptake.
package crd

import "embed"

// Files are the generated definitions, in the folder bases.
//
//go:embed bases/*.yaml
var Files embed.FS
