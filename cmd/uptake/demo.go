// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

func newDemoCommand() *cobra.Command {
	return &cobra.Command{Use: "demo", Short: "Play an organisation adopting something real on a local control plane"}
}
