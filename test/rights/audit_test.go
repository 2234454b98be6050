// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// request is what an audit log says of one, as far as it matters here. The type of
// k8s.io/apiserver would bring a whole API server to compile.
type request struct {
	AuditID        types.UID                 `json:"auditID"`
	Verb           string                    `json:"verb"`
	RequestURI     string                    `json:"requestURI"`
	User           authenticationv1.UserInfo `json:"user"`
	ResponseStatus *metav1.Status            `json:"responseStatus"`
	ObjectRef      *struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		APIGroup    string `json:"apiGroup"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
}

// forbidden reports whether the answer was 403.
func (r request) forbidden() bool {
	return r.ResponseStatus != nil && r.ResponseStatus.Code == http.StatusForbidden
}

// right is what the request needs. The name of an object to be created is in the
// log, but not in what is authorised: it stands in the body.
func (r request) right() right {
	o := r.ObjectRef
	asked := right{verb: r.Verb, group: o.APIGroup, resource: o.Resource, namespace: o.Namespace, name: o.Name}
	if o.Subresource != "" {
		asked.resource += "/" + o.Subresource
	}
	if r.Verb == "create" {
		asked.name = ""
	}
	return asked
}

// String is the request as a failure shows it.
func (r request) String() string { return fmt.Sprintf("%s %s", r.Verb, r.RequestURI) }

// requestsOf returns what a user has asked since the last time. A watch is told when
// it begins and when it ends, and counts once.
func (c *cluster) requestsOf(t *testing.T, user string) []request {
	t.Helper()
	text, err := os.ReadFile(c.audit)
	if err != nil {
		t.Fatal(err)
	}
	known := map[types.UID]bool{}
	var found []request
	for line := range strings.Lines(string(text[c.read:])) {
		var r request
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("the audit log cannot be read: %v: %s", err, line)
		}
		if r.User.Username == user && !known[r.AuditID] {
			known[r.AuditID] = true
			found = append(found, r)
		}
	}
	c.read = len(text)
	return found
}
