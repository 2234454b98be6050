// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/uptake-dev/uptake/internal/source"
)

// watchFailure says why a resource cannot be watched.
func watchFailure(resource Resource, err error) *source.Error {
	switch {
	case apierrors.IsForbidden(err):
		return &source.Error{
			Class: source.Unauthorized,
			Message: fmt.Sprintf("the operator may not count %s: grant its service account list and watch on them in a ClusterRole",
				resource),
		}
	case apierrors.IsNotFound(err):
		return &source.Error{
			Class:   source.NotServed,
			Message: fmt.Sprintf("this cluster does not serve the kind %s of %s any more", resource.Kind, resource.GroupVersion()),
		}
	}
	return requestFailure(err, "watch "+resource.String())
}

// requestFailure says why the API server did not do something.
func requestFailure(err error, what string) *source.Error {
	switch {
	case apierrors.IsUnauthorized(err):
		return &source.Error{
			Class:   source.Unauthorized,
			Message: "the API server does not accept the operator's credentials",
		}
	case apierrors.IsForbidden(err):
		return &source.Error{
			Class:   source.Unauthorized,
			Message: fmt.Sprintf("the operator may not %s: grant its service account the right to", what),
		}
	case apierrors.IsTooManyRequests(err):
		seconds, _ := apierrors.SuggestsClientDelay(err)
		return &source.Error{
			Class:      source.Throttled,
			Message:    "the API server asks for fewer requests",
			RetryAfter: time.Duration(seconds) * time.Second,
		}
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
