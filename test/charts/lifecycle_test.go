// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// newField is what the definition of the previous version lacks.
var newField = []string{"spec", "properties", "reviewEvery"}

// A release is installed, upgraded to a newer definition, uninstalled and installed
// again. Custom resources and what the operator wrote into their status survive it all.
func TestTheLifeOfARelease(t *testing.T) {
	everything := render(t, home)
	t.Cleanup(func() { remove(t, everything) })
	makeNamespace(t, home)
	makeNamespace(t, "team-cart")
	for _, crd := range ofKind(everything, "CustomResourceDefinition") {
		if err := people.Get(t.Context(), client.ObjectKeyFromObject(crd), crd.DeepCopy()); !apierrors.IsNotFound(err) {
			t.Fatalf("%s is there before the release is: %v", identity(crd), err)
		}
	}

	helm(t, "install", release, previousVersion(t), "--namespace", home)
	program := aProgram(t)
	if err := withNewField(t); err == nil || !apierrors.IsBadRequest(err) && !strings.Contains(err.Error(), "unknown field") {
		t.Fatalf("the previous version has the new field: %v", err)
	}

	t.Run("an upgrade brings new fields and loses nothing", func(t *testing.T) {
		helm(t, "upgrade", release, chart, "--namespace", home)
		wantUnharmed(t, program)
		eventually(t, "the new field is taken", func() error { return withNewField(t) })
		wantInstalled(t, home)
	})
	t.Run("the release is small enough for its Secret", func(t *testing.T) {
		var secrets corev1.SecretList
		if err := people.List(t.Context(), &secrets, client.InNamespace(home), client.MatchingLabels{"owner": "helm"}); err != nil {
			t.Fatal(err)
		}
		if len(secrets.Items) != 2 {
			t.Fatalf("%d revisions, not 2", len(secrets.Items))
		}
		for _, secret := range secrets.Items {
			size := len(secret.Data["release"])
			t.Logf("%s: %d KB", secret.Name, size>>10)
			if size > 512<<10 { // an API server takes 1 MB
				t.Errorf("%s has %d KB", secret.Name, size>>10)
			}
		}
	})
	t.Run("a rollback leaves programs alone", func(t *testing.T) {
		helm(t, "rollback", release, "1", "--namespace", home)
		wantUnharmed(t, program)
		helm(t, "upgrade", release, chart, "--namespace", home)
	})
	t.Run("uninstalled, definitions, policies and custom resources stay and nothing else", func(t *testing.T) {
		installed := render(t, home)
		helm(t, "uninstall", release, "--namespace", home)
		for _, o := range installed {
			err := people.Get(t.Context(), client.ObjectKeyFromObject(o), o)
			if kept := slices.Contains(keptKinds, o.GetKind()); kept && err != nil || !kept && !apierrors.IsNotFound(err) {
				t.Errorf("%s: %v", identity(o), err)
			}
		}
		wantUnharmed(t, program)
	})
	t.Run("while it is away, approving needs its right all the same", func(t *testing.T) {
		makePeople(t, "kim")
		const phase = `
apiVersion: uptake.dev/v1alpha1
kind: Phase
metadata: {name: pilot, namespace: team-cart}
spec: {programRef: {name: golden-path}, targets: [{metric: adopted, atLeast: "5"}], gates: [{name: agreed}]}
`
		kubectl(t, phase, "apply", "-f", "-")
		eventually(t, "kim may change phases and not approve them", func() error {
			o := start(t, "", kubectlProgram(), "annotate", "phase", "pilot", "--namespace", "team-cart", "--as", "kim", "approval.uptake.dev/agreed=kim")
			if o.err == nil || !strings.Contains(o.problems, "may not approve phase pilot") {
				return fmt.Errorf("%w: %s%s", errors.New("not refused by the policy"), o.out, o.problems)
			}
			return nil
		})
	})
	t.Run("under another name it takes over when Helm is told to", func(t *testing.T) {
		another := []string{"install", "another", chart, "--namespace", "team-cart"}
		if o := start(t, "", os.Getenv("UPTAKE_HELM"), another...); o.err == nil || !strings.Contains(o.problems, "invalid ownership metadata") {
			t.Errorf("without being told: %s", o.problems)
		}
		helm(t, append(another, "--take-ownership")...)
		wantUnharmed(t, program)
		objects := documents(t, helm(t, "get", "manifest", "another", "--namespace", "team-cart"))
		helm(t, "uninstall", "another", "--namespace", "team-cart")
		t.Cleanup(func() {
			for _, o := range ofKind(objects, keptKinds[1:]...) {
				if err := people.Delete(context.WithoutCancel(t.Context()), o); err != nil {
					t.Error(err)
				}
			}
		})
		// The one that it was before takes it back in the same way.
		helm(t, "install", release, chart, "--namespace", home, "--take-ownership")
		helm(t, "uninstall", release, "--namespace", home)
	})
	t.Run("installed again, it adopts what it left", func(t *testing.T) {
		notes := helm(t, "install", release, chart, "--namespace", home)
		for _, step := range []string{"deployment/" + release + "-operator", v1alpha1.SecretLabel + "=true", "config/samples/simplest.yaml"} {
			if !strings.Contains(notes, step) {
				t.Errorf("what to do next does not name %s:\n%s", step, notes)
			}
		}
		wantUnharmed(t, program)
		wantInstalled(t, home)
	})
	t.Run("what kustomize applied is adopted when Helm is told to", func(t *testing.T) {
		helm(t, "uninstall", release, "--namespace", home)
		kubectl(t, "", "apply", "--server-side", "--force-conflicts", "-k", filepath.Join(repository, "config/default"))
		helm(t, "install", release, chart, "--namespace", home, "--take-ownership", "--force-conflicts")
		wantUnharmed(t, program)
	})
}

// keptKinds stay when a release goes: what people made is of the first, and the others
// protect it.
var keptKinds = []string{"CustomResourceDefinition", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}

// makePeople lets somebody edit phases in team-cart, and nothing else.
func makePeople(t *testing.T, name string) {
	t.Helper()
	kubectl(t, "", "create", "role", name, "--namespace", "team-cart", "--verb=get,list,update,patch", "--resource=phases.uptake.dev")
	kubectl(t, "", "create", "rolebinding", name, "--namespace", "team-cart", "--role", name, "--user", name)
}

// previousVersion is this chart with an older version and a definition without newField.
func previousVersion(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "uptake")
	if err := os.CopyFS(folder, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	about := filepath.Join(folder, "Chart.yaml")
	older := regexp.MustCompile(`(?m)^version: .*$`).ReplaceAllString(readFile(t, about), "version: 0.0.1")
	file := filepath.Join(folder, "files/crds/uptake.dev_adoptionprograms.yaml")
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal([]byte(readFile(t, file)), &crd); err != nil {
		t.Fatal(err)
	}
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties[newField[0]]
	if _, there := spec.Properties[newField[2]]; !there {
		t.Fatalf("there is no field %v to take out", newField)
	}
	delete(spec.Properties, newField[2])
	text, err := yaml.Marshal(crd)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{about: older, file: string(text)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// aProgram is a program with a status, as the operator would leave it.
func aProgram(t *testing.T) *v1alpha1.AdoptionProgram {
	t.Helper()
	const program = `
apiVersion: uptake.dev/v1alpha1
kind: AdoptionProgram
metadata: {name: golden-path, namespace: team-cart}
spec:
  objective: Every service is built from the template
  metrics: [{name: adopted, dimension: Reach, query: {configMap: {name: numbers, key: adopted}}}]
`
	eventually(t, "the definitions are served", func() error {
		return start(t, program, kubectlProgram(), "apply", "-f", "-").err
	})
	made := &v1alpha1.AdoptionProgram{}
	if err := people.Get(t.Context(), client.ObjectKey{Namespace: "team-cart", Name: "golden-path"}, made); err != nil {
		t.Fatal(err)
	}
	made.Status.ObservedGeneration, made.Status.State, made.Status.Progress = made.Generation, v1alpha1.ProgramActive, "1/2"
	if err := people.Status().Update(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	return made
}

func wantUnharmed(t *testing.T, before *v1alpha1.AdoptionProgram) {
	t.Helper()
	now := &v1alpha1.AdoptionProgram{}
	eventually(t, "the program can be read", func() error {
		return people.Get(t.Context(), client.ObjectKeyFromObject(before), now)
	})
	if now.UID != before.UID || now.Status.State != before.Status.State || now.Status.Progress != before.Status.Progress || now.DeletionTimestamp != nil {
		t.Errorf("the program was %v, and is %v", before, now)
	}
}

// withNewField writes the field that only the new definition has.
func withNewField(t *testing.T) error {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"reviewEvery":"90d"}}`))
	program := &v1alpha1.AdoptionProgram{ObjectMeta: metav1.ObjectMeta{Name: "golden-path", Namespace: "team-cart"}}
	return client.WithFieldValidation(people, metav1.FieldValidationStrict).Patch(t.Context(), program, patch)
}

// wantInstalled checks that everything that the chart renders is there.
func wantInstalled(t *testing.T, namespace string) {
	t.Helper()
	for _, o := range render(t, namespace) {
		if err := people.Get(t.Context(), client.ObjectKeyFromObject(o), o.DeepCopy()); err != nil {
			t.Errorf("%s: %v", identity(o), err)
		}
	}
}

// remove leaves nothing of a release to the other tests.
func remove(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if err := people.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace(home), client.MatchingLabels{"owner": "helm"}); err != nil {
		t.Error(err)
	}
	for _, o := range objects {
		if err := people.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	}
	for _, o := range ofKind(objects, "CustomResourceDefinition") { // others would find them half gone
		asked := time.Now()
		eventually(t, identity(o)+" is gone", func() error {
			err := people.Get(ctx, client.ObjectKeyFromObject(o), o)
			if err != nil {
				return client.IgnoreNotFound(err)
			}
			if time.Since(asked) > 10*time.Second {
				// An API server whose first try failed on a busy machine may not try again
				// before minutes have passed, unless the definition is edited.
				asked = time.Now()
				edit := fmt.Sprintf(`{"metadata":{"annotations":{"example.com/asked":"%d"}}}`, asked.Unix())
				if err := people.Patch(ctx, o.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(edit))); client.IgnoreNotFound(err) != nil {
					return err
				}
			}
			conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
			return fmt.Errorf("still there: %v", conditions)
		})
	}
}

// patience is how long is waited for what takes seconds: others use the machine too.
const patience = 3 * time.Minute

func eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("not within %s: %s: %v", patience, what, err)
}
