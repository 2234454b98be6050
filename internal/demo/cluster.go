// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/config/crd"
	"github.com/uptake-dev/uptake/internal/manifest"
	"github.com/uptake-dev/uptake/internal/operator"
)

// The definitions of Gateway API's standard channel, copied from its Go module
// by make generate.
//
//go:embed gatewayapi/*.yaml
var gatewayAPI embed.FS

//go:embed program.yaml
var program []byte

// newClient returns a client that knows the kinds of the story.
func newClient(config *rest.Config) (client.WithWatch, error) {
	scheme, err := operator.Scheme()
	if err != nil {
		return nil, err
	}
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return client.NewWithWatch(config, client.Options{Scheme: scheme})
}

// install applies the definitions and waits until they are served.
func install(ctx context.Context, c client.Client) error {
	for _, from := range []fs.FS{crd.Files, gatewayAPI} {
		files, err := fs.Glob(from, "*/*.yaml")
		if err != nil {
			return err
		}
		for _, name := range files {
			text, err := fs.ReadFile(from, name)
			if err != nil {
				return err
			}
			if err := apply(ctx, c, text); err != nil {
				return fmt.Errorf("installing %s: %w", name, err)
			}
		}
	}
	return wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		var list apiextensionsv1.CustomResourceDefinitionList
		if err := c.List(ctx, &list); err != nil {
			return false, nil //nolint:nilerr // tried again until the time is over
		}
		for i := range list.Items {
			if !established(&list.Items[i]) {
				return false, nil
			}
		}
		return true, nil
	})
}

func established(definition *apiextensionsv1.CustomResourceDefinition) bool {
	for _, c := range definition.Status.Conditions {
		if c.Type == apiextensionsv1.Established {
			return c.Status == apiextensionsv1.ConditionTrue
		}
	}
	return false
}

// apply creates or updates every object of a YAML text.
func apply(ctx context.Context, c client.Client, text []byte) error {
	objects, err := manifest.Read(text)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := applyOne(ctx, c, o); err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// applyOne tries again while a definition is not served yet.
func applyOne(ctx context.Context, c client.Client, o *unstructured.Unstructured) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, 15*time.Second, true, func(ctx context.Context) (bool, error) {
		last = c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("uptake-demo"), client.ForceOwnership)
		if last == nil || apierrors.IsInvalid(last) || apierrors.IsForbidden(last) || apierrors.IsBadRequest(last) {
			return true, last
		}
		return false, nil
	})
	if last != nil {
		return last
	}
	return err
}
