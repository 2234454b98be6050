// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/uptake-dev/uptake/internal/source"
)

// account is who counts, in messages.
type account string

const (
	operator   account = "the operator"
	kubeconfig account = "the account of the kubeconfig"
)

// watchFailure says why a resource cannot be watched.
func (who account) watchFailure(resource Resource, err error) *source.Error {
	switch {
	case apierrors.IsForbidden(err):
		return &source.Error{
			Class:   source.Unauthorized,
			Message: fmt.Sprintf("%s may not count %s: grant it list and watch on them in a ClusterRole", who, resource),
		}
	case apierrors.IsNotFound(err):
		return &source.Error{
			Class:   source.NotServed,
			Message: fmt.Sprintf("the cluster does not serve the kind %s of %s any more", resource.Kind, resource.GroupVersion()),
		}
	}
	return who.requestFailure(err, "watch "+resource.String())
}

// requestFailure says why the API server did not do something.
func (who account) requestFailure(err error, what string) *source.Error {
	if classified, is := errors.AsType[*source.Error](err); is {
		return classified
	}
	switch {
	case apierrors.IsUnauthorized(err):
		return &source.Error{
			Class:   source.Unauthorized,
			Message: fmt.Sprintf("the API server does not accept the credentials of %s", who),
		}
	case apierrors.IsForbidden(err):
		return &source.Error{
			Class:   source.Unauthorized,
			Message: fmt.Sprintf("%s may not %s: grant it the right to", who, what),
		}
	}
	if refused := source.Unreachable("the API server", err); refused.Class == source.Refused {
		return refused
	}
	cause := source.Cause(err)
	if reason := apierrors.ReasonForError(err); reason != "" {
		cause = string(reason)
	}
	return &source.Error{
		Class:   source.Unavailable,
		Message: fmt.Sprintf("the API server could not be asked to %s: %s", what, cause),
	}
}
