// SPDX-License-Identifier: Apache-2.0

package configmap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/source"
)

// reader holds one ConfigMap, or says why there is none.
type reader struct {
	configMap corev1.ConfigMap
	err       error
}

func (r reader) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	if r.err != nil {
		return r.err
	}
	if key != (client.ObjectKey{Namespace: "shop", Name: "survey"}) {
		return fmt.Errorf("asked for %s", key)
	}
	r.configMap.DeepCopyInto(object.(*corev1.ConfigMap))
	return nil
}

func asked(t *testing.T, r reader) (source.Answer, *source.Error) {
	t.Helper()
	answer, err := New(r, "shop", "survey", "2026", zurich, func() time.Time { return now }).Ask(t.Context())
	if err == nil {
		return answer, nil
	}
	var failure *source.Error
	if !errors.As(err, &failure) {
		t.Fatalf("an unclassified error: %v", err)
	}
	return answer, failure
}

func TestAKeyOfAConfigMapIsRead(t *testing.T) {
	answer, failure := asked(t, reader{configMap: corev1.ConfigMap{Data: map[string]string{"2026": "2026-11-01 41%"}}})
	if failure != nil || answer.Rows[0].Value != 0.41 {
		t.Fatalf("%+v, %v", answer, failure)
	}
}

func TestWhatIsMissingIsToldWithWhatIsThere(t *testing.T) {
	configMaps := schema.GroupResource{Resource: "configmaps"}
	for name, test := range map[string]struct {
		reader reader
		class  source.Class
		words  string
	}{
		"no ConfigMap":   {reader{err: apierrors.NewNotFound(configMaps, "survey")}, source.NotServed, "no ConfigMap survey in namespace shop"},
		"no right":       {reader{err: apierrors.NewForbidden(configMaps, "survey", errors.New("x"))}, source.Unauthorized, "get on configmaps"},
		"no API server":  {reader{err: context.DeadlineExceeded}, source.Unavailable, "timed out"},
		"other keys":     {reader{configMap: corev1.ConfigMap{Data: map[string]string{"b": "", "a": ""}}}, source.NotServed, "no key 2026, and none that is like it"},
		"a key like it":  {reader{configMap: corev1.ConfigMap{Data: map[string]string{"2025": "", "password": ""}}}, source.NotServed, "no key 2026; the nearest key is 2025"},
		"no keys":        {reader{}, source.NotServed, "none at all"},
		"a binary key":   {reader{configMap: corev1.ConfigMap{BinaryData: map[string][]byte{"2026": {1}}}}, source.NotServed, "not text"},
		"a wrong number": {reader{configMap: corev1.ConfigMap{Data: map[string]string{"2026": "2026-11-01 x"}}}, source.BadAnswer, "ConfigMap survey, key 2026: line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, failure := asked(t, test.reader)
			if failure == nil || failure.Class != test.class || !strings.Contains(failure.Message, test.words) {
				t.Fatalf("want %s with %q, got %+v", test.class, test.words, failure)
			}
			if strings.Contains(failure.Message, "password") {
				t.Errorf("it tells of other keys: %s", failure.Message)
			}
		})
	}
}
