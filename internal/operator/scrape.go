// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// Metrics name namespaces, programs and what they have reached. They are served over
// TLS to whoever has a token of this cluster and the right to get /metrics: the API
// server is asked for both. The filter of controller-runtime does the same with the
// machinery of an API server, which would make the operator 40 % larger.

// metricsOptions are those of the server for metrics.
func metricsOptions(options Options) metricsserver.Options {
	served := metricsserver.Options{BindAddress: options.MetricsAddress}
	if options.MetricsInClear {
		return served
	}
	served.SecureServing, served.FilterProvider, served.CertDir = true, onlyScrapers, options.MetricsCertificates
	served.TLSOpts = []func(*tls.Config){func(c *tls.Config) {
		c.MinVersion = tls.VersionTLS12
		c.NextProtos = []string{"http/1.1"} // one page needs no more
	}}
	return served
}

const (
	allowedFor = time.Minute
	refusedFor = 10 * time.Second
	// mostVerdicts bounds what is remembered, and mostReviews how many reviews are under
	// way: whoever makes tokens up must not fill the memory, or keep the API server busy.
	mostVerdicts = 200
	mostReviews  = 4
	longestToken = 16 << 10
)

// gatekeeper decides who may scrape.
type gatekeeper struct {
	tokens authenticationclient.TokenReviewInterface
	rights authorizationclient.SubjectAccessReviewInterface
	now    func() time.Time
	busy   chan struct{}

	mu       sync.Mutex
	verdicts map[[sha256.Size]byte]verdict
}

// verdict is an HTTP status: 200, 401 or 403.
type verdict struct {
	status int
	until  time.Time
}

func onlyScrapers(config *rest.Config, client *http.Client) (metricsserver.Filter, error) {
	tokens, err := authenticationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	rights, err := authorizationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	g := newGatekeeper(tokens.TokenReviews(), rights.SubjectAccessReviews())
	return func(_ logr.Logger, handler http.Handler) (http.Handler, error) { return g.before(handler), nil }, nil
}

func newGatekeeper(tokens authenticationclient.TokenReviewInterface, rights authorizationclient.SubjectAccessReviewInterface) *gatekeeper {
	return &gatekeeper{
		tokens: tokens, rights: rights, now: time.Now, //nolint:forbidigo // of the process, as is the cache
		busy: make(chan struct{}, mostReviews), verdicts: map[[sha256.Size]byte]verdict{},
	}
}

func (g *gatekeeper) before(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := g.judge(r)
		switch status {
		case http.StatusOK:
			handler.ServeHTTP(w, r)
		case http.StatusUnauthorized:
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "metrics are for whoever has a bearer token of this cluster", status)
		case http.StatusForbidden:
			http.Error(w, "this account may not get /metrics: bind the ClusterRole uptake-metrics-reader to it", status)
		default:
			http.Error(w, "the API server could not be asked who this is", status)
		}
	})
}

func (g *gatekeeper) judge(r *http.Request) int {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > longestToken {
		return http.StatusUnauthorized
	}
	verb, path := strings.ToLower(r.Method), r.URL.Path
	key := sha256.Sum256([]byte(verb + " " + path + " " + token))
	if status := g.known(key); status != 0 {
		return status
	}
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	select {
	case g.busy <- struct{}{}:
		defer func() { <-g.busy }()
	case <-ctx.Done():
		return http.StatusServiceUnavailable
	}
	status := g.review(ctx, token, verb, path)
	g.remember(key, status)
	return status
}

// review asks the API server who has a token, and whether that account may.
func (g *gatekeeper) review(ctx context.Context, token, verb, path string) int {
	who, err := g.tokens.Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	switch {
	case err != nil:
		return http.StatusServiceUnavailable
	case !who.Status.Authenticated:
		return http.StatusUnauthorized
	}
	user := who.Status.User
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for name, values := range user.Extra {
		extra[name] = authorizationv1.ExtraValue(values)
	}
	may, err := g.rights.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: verb},
	}}, metav1.CreateOptions{})
	switch {
	case err != nil:
		return http.StatusServiceUnavailable
	case !may.Status.Allowed || may.Status.Denied:
		return http.StatusForbidden
	}
	return http.StatusOK
}

func (g *gatekeeper) known(key [sha256.Size]byte) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if v := g.verdicts[key]; g.now().Before(v.until) {
		return v.status
	}
	return 0
}

func (g *gatekeeper) remember(key [sha256.Size]byte, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	for old, v := range g.verdicts {
		if !now.Before(v.until) {
			delete(g.verdicts, old)
		}
	}
	switch {
	case status == http.StatusOK:
		if len(g.verdicts) >= mostVerdicts {
			clear(g.verdicts) // few are right, and those are asked for again
		}
		g.verdicts[key] = verdict{status, now.Add(allowedFor)}
	case status != http.StatusServiceUnavailable && len(g.verdicts) < mostVerdicts:
		g.verdicts[key] = verdict{status, now.Add(refusedFor)}
	}
}
