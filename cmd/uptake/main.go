// SPDX-License-Identifier: Apache-2.0

// Command uptake is the operator that runs technology-adoption programs.
package main

import (
	"os"
	_ "time/tzdata" // dates of programs are read in their time zone, on any image

	"github.com/spf13/cobra"
	_ "golang.org/x/crypto/x509roots/fallback" // authorities to trust where the image brings none
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	root := &cobra.Command{
		Use:   "uptake",
		Short: "Runs technology-adoption programs as Kubernetes resources",
		Long: `Runs technology-adoption programs as Kubernetes resources.

This is the operator. Programs are written, looked at and approved with kubectl:

  kubectl explain adoptionprogram.spec
  kubectl get uptake -o wide
  kubectl annotate phase NAME approval.uptake.dev/GATE=YOUR-USERNAME`,
		Version:       built(),
		SilenceUsage:  true,
		SilenceErrors: false,
	}
	root.AddCommand(newOperatorCommand())
	if err := root.ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		os.Exit(1)
	}
}
