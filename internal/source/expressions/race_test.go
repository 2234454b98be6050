// SPDX-License-Identifier: Apache-2.0

//go:build race

package expressions

// slower is how much longer everything takes with the race detector.
const slower = 10
