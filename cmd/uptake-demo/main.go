// SPDX-License-Identifier: Apache-2.0

// Command uptake-demo is the demonstration. It is a program of its own, so that the
// operator holds nothing that starts control planes: that needs a folder to write to
// before anything else, which the operator's image does not have.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/uptake-dev/uptake/internal/demo"
)

func main() {
	if err := newDemoCommand().ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		os.Exit(1)
	}
}

func newDemoCommand() *cobra.Command {
	var contextName, folder string
	var installed bool
	options := demo.Options{Out: os.Stdout}
	cmd := &cobra.Command{
		Use:   "uptake-demo",
		Short: "Play an organisation that moves from Ingress to Gateway API",
		Long: "Starts an API server with its etcd and the operator, and plays five teams that move from Ingress to\n" +
			"Gateway API, in about a minute. Ends with an error when the operator did not follow the story.\n" +
			"The programs of the control plane are found in the folder that KUBEBUILDER_ASSETS names; make demo\n" +
			"builds them.",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if folder == "" {
				temporary, err := os.MkdirTemp("", "uptake-demo-")
				if err != nil {
					return err
				}
				folder = temporary
			}
			options.Folder = folder
			options.Terminal = term.IsTerminal(int(os.Stdout.Fd()))
			if contextName != "" {
				if err := useContext(&options, contextName); err != nil {
					return err
				}
			}
			if !installed {
				program, err := operator()
				if err != nil {
					return err
				}
				options.Command = []string{
					program, "operator", "--leader-elect=false", "--display-every=1s", "--min-interval=1s",
					"--metrics-bind-address=0", "--health-probe-bind-address=0",
				}
			}
			return demo.Run(cmd.Context(), options)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&contextName, "context", "", "play in the cluster of this kubeconfig context instead of starting one")
	flags.BoolVar(&installed, "installed", false, "with --context: use the operator that is installed there")
	flags.BoolVar(&options.Keep, "keep", false, "leave everything running after the story, to look around with kubectl")
	flags.DurationVar(&options.KillEvery, "kill-every", 0, "kill the operator with SIGKILL at random moments, on average this far apart, and start it again")
	flags.StringVar(&folder, "folder", "", "where to put the kubeconfig and the operator's log (default: a temporary folder)")
	return cmd
}

// operator is the program to show, which is built beside this one.
func operator() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	program := filepath.Join(filepath.Dir(self), "uptake")
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("the operator is missing; make build builds it: %w", err)
	}
	return program, nil
}

// useContext writes the context's own kubeconfig, so that the operator and the
// people of the story talk to the same cluster.
func useContext(options *demo.Options, name string) error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: name})
	config, err := loaded.ClientConfig()
	if err != nil {
		return fmt.Errorf("context %q: %w", name, err)
	}
	raw, err := loaded.RawConfig()
	if err != nil {
		return err
	}
	raw.CurrentContext = name
	options.Config, options.Kubeconfig = config, filepath.Join(options.Folder, "kubeconfig")
	return clientcmd.WriteToFile(raw, options.Kubeconfig)
}
