// SPDX-License-Identifier: Apache-2.0

// Package operator puts the parts together: the manager, the drivers, the poll
// scheduler and the reconcilers.
package operator

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/controllers"
	"github.com/uptake-dev/uptake/internal/awake"
	"github.com/uptake-dev/uptake/internal/lease"
	"github.com/uptake-dev/uptake/internal/poll"
	"github.com/uptake-dev/uptake/internal/source"
	"github.com/uptake-dev/uptake/internal/source/configmap"
	"github.com/uptake-dev/uptake/internal/source/database"
	"github.com/uptake-dev/uptake/internal/source/httpjson"
	"github.com/uptake-dev/uptake/internal/source/objects"
	prometheusdriver "github.com/uptake-dev/uptake/internal/source/prometheus"
)

// Options of the operator.
type Options struct {
	// Namespace the operator runs in: its lease and the credentials of
	// cluster-scoped sources are there.
	Namespace string
	// ServiceAccount the operator runs as, for the remedies it prints.
	ServiceAccount string
	// WatchNamespaces are those whose programs are reconciled; none: all. With them
	// nothing is read that belongs to the whole cluster.
	WatchNamespaces []string
	// LeaderElection lets one of several replicas work.
	LeaderElection bool
	// MetricsAddress and ProbeAddress to listen at; "0" turns one off.
	MetricsAddress, ProbeAddress string
	// MetricsInClear serves metrics over plain HTTP to everybody. Otherwise they are
	// served over TLS to whoever may get /metrics in the cluster.
	MetricsInClear bool
	// MetricsCertificates is a folder with tls.crt and tls.key; default: the operator
	// signs a certificate itself.
	MetricsCertificates string
	// DisplayEvery is the least time between two writes that change only values.
	DisplayEvery time.Duration
	// CredentialsEvery is how often credentials are read again; default: a minute.
	CredentialsEvery time.Duration
	// AllowedAddresses are exceptions to the addresses that no source may have:
	// loopback, link-local, cloud metadata and this cluster's API server.
	AllowedAddresses []netip.Prefix
	// MaxConcurrentReconciles is how many programs are reconciled at once.
	MaxConcurrentReconciles int
	// MinInterval is the least time between two polls of a query, whatever programs
	// and sources say; default: a second.
	MinInterval time.Duration
	// PollsPerNamespace is how many requests to sources may be under way at once for
	// the programs of one namespace; 0: as many as the sources allow.
	PollsPerNamespace int
	// Log gets what the operator logs.
	Log logr.Logger
	// Registerer gets the metrics; default: that of controller-runtime. With one
	// of their own several operators can live in one process.
	Registerer prometheus.Registerer
	// Wrap changes the client that the reconcilers write with, for tests of faults.
	Wrap func(client.Client) client.Client
}

// Scheme knows every kind that the operator works with.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return scheme, nil
}

// New builds a manager that is ready to be started.
func New(ctx context.Context, cluster *rest.Config, options Options) (ctrl.Manager, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	options.Log = Bounded(options.Log)
	several := options.Registerer != nil
	if !several {
		options.Registerer = metrics.Registry
	}
	var fence *lease.Fence
	var lock resourcelock.Interface
	if options.LeaderElection {
		fence = lease.NewFence(awake.Now, lease.RenewDeadline)
		if lock, err = fence.Lock(cluster, options.Namespace, leaseName); err != nil {
			return nil, err
		}
	}
	mgr, err := ctrl.NewManager(cluster, ctrl.Options{
		Scheme:                        scheme,
		Logger:                        options.Log,
		Metrics:                       metricsOptions(options),
		HealthProbeBindAddress:        options.ProbeAddress,
		LeaderElection:                options.LeaderElection,
		LeaderElectionID:              leaseName,
		LeaseDuration:                 new(lease.Duration),
		RenewDeadline:                 new(lease.RenewDeadline),
		RetryPeriod:                   new(lease.RetryPeriod),
		LeaderElectionNamespace:       options.Namespace,
		LeaderElectionReleaseOnCancel: true,
		// With an eye on the renewals: client-go's election is no fence.
		LeaderElectionResourceLockInterface: lock,
		Cache:                               cache.Options{DefaultNamespaces: cached(options.WatchNamespaces), DefaultTransform: cache.TransformStripManagedFields()},
		// Secrets and ConfigMaps are read live by name, never listed or watched.
		Client:     client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}, &corev1.Event{}}}},
		Controller: config.Controller{SkipNameValidation: &several},
	})
	if err != nil {
		return nil, err
	}
	if err := addReconcilers(ctx, mgr, fence, options); err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("caches", func(r *http.Request) error {
		waiting, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(waiting) {
			return fmt.Errorf("the caches are not filled yet")
		}
		return nil
	})
}

// cached is what the cache takes for a list of namespaces; nil: all.
func cached(namespaces []string) map[string]cache.Config {
	if len(namespaces) == 0 {
		return nil
	}
	found := make(map[string]cache.Config, len(namespaces))
	for _, name := range namespaces {
		found[name] = cache.Config{}
	}
	return found
}

// leaseName is the Lease that replicas agree on.
const leaseName = "uptake-operator"

func addReconcilers(ctx context.Context, mgr ctrl.Manager, fence *lease.Fence, options Options) error {
	writes := mgr.GetClient()
	if options.Wrap != nil {
		writes = options.Wrap(writes)
	}
	now := clock.RealClock{}
	domain := controllers.NewDomainMetrics()
	namespaced := len(options.WatchNamespaces) > 0
	programWakes, sourceWakes, clusterWakes := &controllers.Wakes{}, &controllers.Wakes{}, &controllers.Wakes{}
	scheduler := poll.New(poll.Options{
		Clock: now, Registerer: options.Registerer, Log: options.Log.WithName("poll"), MostPerTenant: options.PollsPerNamespace,
		Wake: func(consumer string) { programWakes.Wake(splitKey(consumer)) },
		SourceChanged: func(key string) {
			switch kind, rest, _ := strings.Cut(key, "/"); v1alpha1.SourceKind(kind) {
			case v1alpha1.SourceKindNamespaced:
				sourceWakes.Wake(splitKey(rest))
			case v1alpha1.SourceKindCluster:
				clusterWakes.Wake(types.NamespacedName{Name: rest})
			}
		},
	})
	if err := mgr.Add(scheduler); err != nil {
		return err
	}
	panics, work := controllers.NewPanics(), controllers.NewWorkMetrics()
	for _, metrics := range []prometheus.Collector{domain, panics, work} {
		if err := options.Registerer.Register(metrics); err != nil {
			return err
		}
	}
	counter, err := objects.New(mgr.GetConfig(), objects.Options{Clock: now})
	if err != nil {
		return err
	}
	if err := mgr.Add(counter); err != nil {
		return err
	}
	polling, err := objects.HTTPClient(mgr.GetConfig())
	if err != nil {
		return err
	}
	configMaps, err := client.New(mgr.GetConfig(), client.Options{HTTPClient: polling, Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return err
	}
	endpoints := controllers.NewEndpoints(map[v1alpha1.SourceType]source.Driver{
		v1alpha1.SourceTypePrometheus: prometheusdriver.New,
		v1alpha1.SourceTypeHTTP:       httpjson.New,
		v1alpha1.SourceTypeSQL:        database.New,
		v1alpha1.SourceTypeKubernetes: objects.Connect,
	}, source.Guard{Allowed: options.AllowedAddresses, Own: ownAddresses(ctx, mgr.GetConfig())}, now.Now)
	planner := &controllers.Planner{
		Cache: mgr.GetClient(), Namespaced: namespaced, Scheduler: scheduler, Clock: now, Objects: counter, Endpoints: endpoints, MinInterval: options.MinInterval,
		Access: &controllers.Access{Client: mgr.GetClient(), Objects: counter, Clock: now},
		ConfigMaps: func(namespace, name, key string, zone *time.Location) source.Asker {
			return configmap.New(configMaps, namespace, name, key, zone, now.Now)
		},
	}
	turns := controllers.Turns{Fence: fence, Watch: awake.NewWatch(awake.Now, func(gap awake.Gap) {
		options.Log.Info("the process did not run for a while, or its clock was set: everything is asked anew", "slept", gap.Slept.String(), "set", gap.Set.String())
		counter.Renew()
		endpoints.Renew()
		planner.Renew()
		scheduler.Distrust()
	})}
	if err := mgr.Add(turns.Watch); err != nil {
		return err
	}
	if fence != nil {
		if err := mgr.Add(fence); err != nil {
			return err
		}
	}
	programs := &controllers.ProgramReconciler{
		Client: writes, Live: mgr.GetAPIReader(), Clock: now, Planner: planner, Metrics: domain, Work: work,
		DisplayEvery: options.DisplayEvery, Wakes: programWakes, MaxConcurrentReconciles: options.MaxConcurrentReconciles,
		Turns: turns, Log: options.Log.WithName("program"), Panics: panics,
	}
	if err := programs.SetupWithManager(ctx, mgr); err != nil {
		return err
	}
	sourceKinds := map[v1alpha1.SourceKind]*controllers.Wakes{v1alpha1.SourceKindNamespaced: sourceWakes}
	if !namespaced {
		sourceKinds[v1alpha1.SourceKindCluster] = clusterWakes
	}
	for kind, wakes := range sourceKinds {
		sources := &controllers.SourceReconciler{
			Kind: kind, Client: writes, Live: mgr.GetAPIReader(), Clock: now, Endpoints: endpoints, Scheduler: scheduler,
			Metrics: domain, Wakes: wakes, OperatorNamespace: options.Namespace, OperatorAccount: options.Namespace + ":" + options.ServiceAccount,
			Turns: turns, Log: options.Log.WithName("source"), Panics: panics,
			CredentialsEvery: cmp.Or(options.CredentialsEvery, time.Minute),
		}
		if err := sources.SetupWithManager(mgr); err != nil {
			return err
		}
	}
	return nil
}

// splitKey reads namespace/name.
func splitKey(text string) types.NamespacedName {
	namespace, name, _ := strings.Cut(text, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}
