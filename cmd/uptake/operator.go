// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/uptake-dev/uptake/internal/operator"
)

func newOperatorCommand() *cobra.Command {
	options := operator.Options{}
	var qps float32
	var secure bool
	logging := zap.Options{}
	cmd := &cobra.Command{
		Use:   "operator",
		Short: "Run the operator against the cluster of the kubeconfig, or of the pod it runs in",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := operator.Bounded(zap.New(zap.UseFlagOptions(&logging)))
			ctrl.SetLogger(log)
			options.Log = log
			config, err := ctrl.GetConfig()
			if err != nil {
				return err
			}
			options.MetricsInClear = !secure
			memoryLimit := limitMemory()
			config.QPS, config.Burst = qps, int(2*qps)
			mgr, err := operator.New(cmd.Context(), config, options)
			if err != nil {
				return err
			}
			log.Info("starting", "version", built(), "namespace", options.Namespace, "memoryLimit", memoryLimit)
			return mgr.Start(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&options.Namespace, "namespace", first(os.Getenv("POD_NAMESPACE"), "uptake-system"), "namespace the operator runs in")
	flags.StringVar(&options.ServiceAccount, "service-account", first(os.Getenv("POD_SERVICE_ACCOUNT"), "uptake-operator"), "service account the operator runs as")
	flags.StringSliceVar(&options.WatchNamespaces, "watch-namespaces", nil, "namespaces whose programs are reconciled; default: all. With them no right in the whole cluster is needed, and there are no ClusterUsageSources")
	flags.BoolVar(&options.LeaderElection, "leader-elect", true, "let one of several replicas work")
	flags.StringVar(&options.MetricsAddress, "metrics-bind-address", ":8443", "address of /metrics; 0 turns it off")
	flags.BoolVar(&secure, "metrics-secure", true, "serve /metrics over TLS, to bearer tokens that may get it in the cluster; false: over plain HTTP to everybody")
	flags.StringVar(&options.MetricsCertificates, "metrics-cert-dir", "", "folder with tls.crt and tls.key for /metrics; default: the operator signs a certificate itself")
	flags.StringVar(&options.ProbeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 turns it off")
	flags.DurationVar(&options.DisplayEvery, "display-every", 10*time.Minute, "least time between two status writes that change only values, or turn back what was thought of them; transitions are written at once")
	flags.IntVar(&options.MaxConcurrentReconciles, "max-concurrent-reconciles", 8, "programs that are reconciled at once")
	flags.DurationVar(&options.MinInterval, "min-interval", 10*time.Second, "least time between two polls of a query, whatever programs and sources say")
	flags.IntVar(&options.PollsPerNamespace, "polls-per-namespace", 64, "requests to sources that may be under way at once for the programs of one namespace; 0: as many as the sources allow")
	flags.Float32Var(&qps, "kube-api-qps", 300, "most requests a second to the API server")
	flags.Var((*prefixes)(&options.AllowedAddresses), "allow-source-addresses",
		"networks such as 10.0.0.0/8,::1/128 that sources may be in although they are loopback, link-local, cloud metadata or this cluster's API server")
	zapFlags := flag.NewFlagSet("zap", flag.ContinueOnError)
	logging.BindFlags(zapFlags)
	flags.AddGoFlagSet(zapFlags)
	kubeconfig := flag.CommandLine.Lookup("kubeconfig")
	if kubeconfig != nil {
		flags.AddGoFlag(kubeconfig)
	}
	return cmd
}

// prefixes is a flag for networks; several are separated by commas.
type prefixes []netip.Prefix

// String implements pflag.Value.
func (p *prefixes) String() string {
	texts := make([]string, len(*p))
	for i, prefix := range *p {
		texts[i] = prefix.String()
	}
	return strings.Join(texts, ",")
}

// Set implements pflag.Value.
func (p *prefixes) Set(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(one))
		if err != nil {
			return fmt.Errorf("%q is not a network such as 10.0.0.0/8", one)
		}
		*p = append(*p, prefix.Masked())
	}
	return nil
}

// Type implements pflag.Value.
func (*prefixes) Type() string { return "networks" }

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
