// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/certificatetest"
)

// listen opens the default port of https where this process may; otherwise, and where
// somebody else has it, any port.
func listen(t testing.TB) net.Listener {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:443")
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EADDRINUSE) {
		listener, err = config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// paged answers with a next page whose address begins with what the first part of the
// path stands for.
func paged(origins map[string]string) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		how, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch {
		case rest == "old":
			out.Header().Set("Location", origins[how]+"/"+how+"/new")
			out.WriteHeader(http.StatusFound)
		case rest == "new":
			answers(http.StatusOK, `{"adopted": 6}`)(out, r)
		case r.URL.Query().Get("page") == "2":
			answers(http.StatusOK, `{"next": null, "results": [{"id": 4}, {"id": 5}, {"id": 6}]}`)(out, r)
		default:
			answers(http.StatusOK, fmt.Sprintf(`{"next": "%s/%s/items?page=2", "results": [{"id": 1}, {"id": 2}, {"id": 3}]}`, origins[how], how))(out, r)
		}
	}
}

// adamcavendish/aioduct#81, microsoft/kiota-http-python#20: a default port is no other
// host; paperless-ngx#3130, #9986, Azure/data-api-builder#2677: behind a proxy next
// begins with http://, or lacks the port.
func TestAHostIsTheSameHoweverItIsWritten(t *testing.T) {
	w := begin(t)
	certificates, err := certificatetest.New(time.Now().AddDate(0, 6, 0))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificates.Certificate, certificates.Key)
	if err != nil {
		t.Fatal(err)
	}
	listener := listen(t)
	host := listener.Addr().String()
	base := "https://" + strings.TrimSuffix(host, ":443")
	origins := map[string]string{
		"port": "https://" + host, "capitals": "HTTPS://" + host, "path": "",
		"scheme": "http://" + host, "otherport": "https://127.0.0.1:8443", "elsewhere": "https://api.example.com",
	}
	server := httptest.NewUnstartedServer(paged(origins))
	_ = server.Listener.Close() // it has one of its own
	server.Listener = listener
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	w.enter(map[string]string{"ca.crt": string(certificates.Authority)})
	metrics := []string{`{name: redirect, dimension: Reach, query: {http: {path: /port/old, value: row.adopted}}}`}
	for how := range origins {
		metrics = append(metrics, fmt.Sprintf(`{name: %s, dimension: Reach, query: {http: {path: /%s/items, rows: body.results, pagination: {next: body.next}}}}`, how, how))
	}
	w.apply(source("api", "HTTP", fmt.Sprintf("http: {url: %q}\ntls: {ca: {configMapKeyRef: {name: numbers, key: ca.crt}}}", base)), counting(metrics...))
	for _, same := range []string{"redirect", "port", "capitals", "path"} {
		w.value("p", same, "6")
	}
	said := w.unknown("p", "scheme", "begins with http://", "or give a path")
	w.unknown("p", "otherport", "has port 8443", "or give a path")
	w.unknown("p", "elsewhere", "it names another host than 127.0.0.1")
	w.failing("p", "pagination.next")
	report.add("08 next with the default port", "followed from "+base+" to "+origins["port"])
	report.add("08 next begins with http://", said)
}

// The GitHub changelog of 2026-02-26, "Copilot metrics report URLs update".
func TestReportsMayMoveToHostsOfAFamily(t *testing.T) {
	w := begin(t)
	files, _ := w.serve(answers(http.StatusOK, `{"user": "ana", "generated": 3}`+"\n"+`{"user": "bo", "generated": 4}`+"\n"))
	_, port, _ := net.SplitHostPort(files)
	moved := "copilot-reports-production-a1b2.b01.example.net:" + port
	address, _ := w.serve(answers(http.StatusOK, `{"download_links": ["http://`+moved+`/r/1.json?sig=x"], "report_day": "2026-11-26"}`))
	const reports = "sourceRef: {name: api}\nmetrics:\n- {name: generated, dimension: Reach, query: {http: {path: /reports/latest, downloads: {links: body.download_links}, value: row.generated}}}"
	const target = `targets: [{metric: generated, atLeast: "1"}]`
	w.apply(source("api", "HTTP", fmt.Sprintf(`http: {url: "http://%s", downloadHosts: [copilot-reports.example.com]}`, address)),
		program("p", reports), phaseOf("ph", target))
	said := w.failing("p", moved, "downloadHosts")
	w.neverAchieved("ph")
	if ready := w.condition("UsageSource", "api", "Ready"); !strings.HasPrefix(ready, "True/") {
		t.Errorf("the source is %s", ready)
	}
	report.add("14 reports on a host that is not listed", said)
	w.change(&v1alpha1.UsageSource{}, "api", fmt.Sprintf(`{"spec":{"http":{"downloadHosts":["copilot-reports-production-*.b01.example.net:%s"]}}}`, port))
	w.value("p", "generated", "7")
	w.achieved("ph")
	report.add("14 a wildcard within the label", w.phase("ph").Summary)
}
