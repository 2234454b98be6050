// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/controlplane"
	"github.com/uptake-dev/uptake/internal/controlplane/controlplanetest"
	"github.com/uptake-dev/uptake/internal/manifest"
	"github.com/uptake-dev/uptake/internal/operator"
)

const definitions = "../../config/crd/bases"

// TestDefinitionsThatAreDeletedAndRestored deletes the operator's own definitions, and
// with them every program. Once both are back it works, without a restart.
func TestDefinitionsThatAreDeletedAndRestored(t *testing.T) {
	t.Parallel()
	own := controlplanetest.Start(t, controlplane.Options{CRDs: []string{definitions}})
	scheme, err := operator.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(own.Config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	const namespace = "default"
	waits := scene{t: t}
	create := func(o client.Object) {
		t.Helper()
		var err error
		waits.eventually("it takes "+o.GetName(), func() bool {
			err = admin.Create(t.Context(), o)
			return err == nil || apierrors.IsAlreadyExists(err)
		}, func() string { return err.Error() })
	}
	begin := func() {
		t.Helper()
		create(&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "numbers"}, Data: map[string]string{"moved": "2026-11-01 60"},
		})
		objects, err := manifest.Read([]byte(strings.ReplaceAll(story, "INTERVAL", "1s")))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			o.SetNamespace(namespace)
			create(o)
		}
	}
	holds := func() {
		t.Helper()
		phase := &v1alpha1.Phase{}
		waits.eventually("the first phase holds", func() bool {
			return admin.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: "first"}, phase) == nil && phase.Status.State == v1alpha1.PhaseHolding
		}, func() string { return phase.Status.Summary })
	}
	begin()
	works := run(t, own.Config, namespace, nil)
	holds()

	files, err := filepath.Glob(filepath.Join(definitions, "*.yaml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d definitions: %v", len(files), err)
	}
	var all []*apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, definition); err != nil {
			t.Fatal(err)
		}
		all = append(all, definition)
		if err := admin.Delete(t.Context(), definition.DeepCopy()); err != nil {
			t.Fatal(err)
		}
	}
	waits.eventually("nothing of it is left", func() bool {
		return meta.IsNoMatchError(admin.List(t.Context(), &v1alpha1.PhaseList{})) || apierrors.IsNotFound(admin.List(t.Context(), &v1alpha1.PhaseList{}))
	}, func() string { return "" })
	for _, definition := range all {
		create(definition)
	}
	begin()
	holds()
	select {
	case err := <-works.ended:
		t.Errorf("the operator ended: %v", err)
	default:
	}
}
