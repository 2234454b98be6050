// SPDX-License-Identifier: Apache-2.0

// Package argocdtest runs the scripts of config/argocd as Argo CD does: with the
// libraries base, table and package and no others, for a second at most.
package argocdtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// timeLimit of a script, as Argo CD has it, and how often it may be missed: on a machine
// that is busy with other tests, once says nothing of the script.
const (
	timeLimit = time.Second
	tries     = 5
)

// Health is what Argo CD shows of an object.
type Health struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

// Action is one that Argo CD offers for an object.
type Action struct {
	Name        string      `json:"name,omitempty"`
	Disabled    bool        `json:"disabled,omitempty"`
	DisplayName string      `json:"displayName,omitempty"`
	IconClass   string      `json:"iconClass,omitempty"`
	Params      []Parameter `json:"params,omitempty"`
}

// Parameter is what an action asks for.
type Parameter struct {
	Name string `json:"name,omitempty"`
}

// Folder of the scripts of a group.
func Folder() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "../../../config/argocd/resource_customizations/uptake.dev")
}

// HealthOf runs the health script of the object's kind.
func HealthOf(object *unstructured.Unstructured) (Health, error) {
	var health Health
	err := run(object, "health.lua", nil, &health)
	return health, err
}

// ActionsFor runs the discovery script of the object's kind; none without one.
func ActionsFor(object *unstructured.Unstructured) (map[string]Action, error) {
	actions := map[string]Action{}
	err := run(object, "actions/discovery.lua", nil, &actions)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return actions, err
}

// Act runs an action and gives what the object becomes.
func Act(object *unstructured.Unstructured, action string, parameters map[string]string) (*unstructured.Unstructured, error) {
	result := &unstructured.Unstructured{}
	err := run(object, filepath.Join("actions", action, "action.lua"), parameters, &result.Object)
	return result, err
}

// run gives the object and the parameters to a script, and reads what it returns.
func run(object *unstructured.Unstructured, script string, parameters map[string]string, into any) error {
	text, err := os.ReadFile(filepath.Join(Folder(), object.GetKind(), script))
	if err != nil {
		return err
	}
	for range tries {
		if err = runOnce(string(text), object, parameters, into); !errors.Is(err, context.DeadlineExceeded) {
			break
		}
	}
	return err
}

// runOnce gives a script the libraries and the time that Argo CD gives it.
func runOnce(text string, object *unstructured.Unstructured, parameters map[string]string, into any) error {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
	defer cancel()
	state.SetContext(ctx)
	given, err := decoded(state, object.Object)
	if err != nil {
		return err
	}
	state.SetGlobal("obj", given)
	if given, err = decoded(state, parameters); err != nil {
		return err
	}
	state.SetGlobal("actionParams", given)
	if err := state.DoString(text); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if told, is := errors.AsType[*lua.ApiError](err); is {
			return errors.New(told.Object.String())
		}
		return err
	}
	result, is := state.Get(-1).(*lua.LTable)
	if !is {
		return fmt.Errorf("the script gives a %s", state.Get(-1).Type())
	}
	encoded, err := luajson.Encode(result)
	if err != nil {
		return err
	}
	return json.Unmarshal(encoded, into)
}

// decoded makes a Lua value of anything that JSON can hold; numbers are doubles.
func decoded(state *lua.LState, value any) (lua.LValue, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	if string(plain) == "null" {
		return state.NewTable(), nil
	}
	return luajson.Decode(state, plain)
}
