// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// argoHealth runs the health script of a kind as Argo CD does: with the libraries
// base, table and package, and no others, for a second at most.
func argoHealth(u *unstructured.Unstructured) (status, message string, err error) {
	script, err := os.ReadFile(filepath.Join("../../config/argocd/resource_customizations/uptake.dev", u.GetKind(), "health.lua"))
	if err != nil {
		return "", "", err
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			return "", "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(ctx)
	plain, err := json.Marshal(u.Object)
	if err != nil {
		return "", "", err
	}
	var decoded any
	if err := json.Unmarshal(plain, &decoded); err != nil {
		return "", "", err
	}
	state.SetGlobal("obj", toLua(state, decoded))
	if err := state.DoString(string(script)); err != nil {
		return "", "", err
	}
	result, is := state.Get(-1).(*lua.LTable)
	if !is {
		return "", "", fmt.Errorf("the script gives %s", state.Get(-1).Type())
	}
	return result.RawGetString("status").String(), result.RawGetString("message").String(), nil
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		table := state.NewTable()
		for _, entry := range value {
			table.Append(toLua(state, entry))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for name, entry := range value {
			table.RawSetString(name, toLua(state, entry))
		}
		return table
	}
	return lua.LNil
}

// wrongInArgo says what is wrong with what Argo CD shows of a status; is holds the
// conditions.
func wrongInArgo(o client.Object, u *unstructured.Unstructured, is map[string]string) (shown string, broken []string) {
	observed, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	seen := observed >= o.GetGeneration() && len(is) > 0
	shown, message, err := argoHealth(u)
	switch {
	case err != nil:
		return "", []string{"health.lua fails: " + err.Error()}
	case message == "":
		broken = append(broken, "Argo CD shows "+shown+" without a message")
	}
	if !slices.Contains(argoColours(o, is, seen), shown) {
		broken = append(broken, fmt.Sprintf("Argo CD shows a %T as %s", o, shown))
	}
	return shown, broken
}

// argoColours are those that an object may have, by its conditions and state.
func argoColours(o client.Object, is map[string]string, seen bool) []string {
	switch o := o.(type) {
	case *v1alpha1.UsageSource, *v1alpha1.ClusterUsageSource:
		switch {
		case !seen:
			return []string{"Progressing"}
		case is["Ready"] == "True":
			return []string{"Healthy"}
		}
		return []string{"Degraded", "Progressing"}
	case *v1alpha1.Phase:
		if seen && is["Stalled"] == "" && is["Reconciling"] == "" && is["Suspended"] == "" {
			return phaseColours(o, is)
		}
	}
	switch {
	case !seen, is["Stalled"] == "" && is["Reconciling"] != "":
		return []string{"Progressing"}
	case is["Stalled"] != "":
		return []string{"Degraded"}
	case is["Suspended"] != "":
		return []string{"Suspended"}
	}
	if _, isProgram := o.(*v1alpha1.AdoptionProgram); isProgram && is["SourcesHealthy"] == "False" {
		return []string{"Healthy", "Degraded"}
	}
	return []string{"Healthy"}
}

func phaseColours(p *v1alpha1.Phase, is map[string]string) []string {
	missed := p.Status.Health == v1alpha1.HealthDelayed || p.Status.Health == v1alpha1.HealthRegressed || p.Status.State == v1alpha1.PhaseRegressed
	gate := p.Spec.Reporting == v1alpha1.ReportingGate
	switch {
	case p.Spec.Reporting == v1alpha1.ReportingObserve:
		return []string{"Healthy"}
	case missed:
		return []string{"Degraded"}
	case !gate || p.Status.State == v1alpha1.PhaseAchieved:
		return []string{"Healthy"}
	case is["Blocked"] != "":
		return []string{"Suspended"}
	}
	return []string{"Progressing"}
}
