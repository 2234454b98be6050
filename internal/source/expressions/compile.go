// SPDX-License-Identifier: Apache-2.0

package expressions

import (
	"runtime"
	"sync"
	"weak"

	"github.com/google/cel-go/cel"
	"k8s.io/utils/lru"
)

// Environment is what expressions of one kind may use: the functions, and variables of
// their own. One is made for each kind, not for each expression: it is large.
type Environment struct {
	env  func() (*cel.Env, error)
	cost uint64

	mu       sync.Mutex
	compiled map[string]weak.Pointer[Compiled]
	// refused remembers what is wrong with texts that do not compile.
	refused *lru.Cache
}

// mostRefused is how many texts that do not compile are remembered.
const mostRefused = 1_000

// NewEnvironment returns an environment with some variables. Each evaluation of its
// expressions costs at most cost; a comparison costs about 1.
func NewEnvironment(cost uint64, variables ...cel.EnvOption) *Environment {
	return &Environment{
		cost: cost,
		env: sync.OnceValues(func() (*cel.Env, error) {
			env, err := functions()
			if err != nil {
				return nil, err
			}
			return env.Extend(variables...)
		}),
		compiled: map[string]weak.Pointer[Compiled]{},
		refused:  lru.New(mostRefused),
	}
}

// Compiled is an expression that is ready to be evaluated. It is safe for concurrent
// use, and shared by all who wrote the same.
type Compiled struct {
	// Program evaluates it.
	Program cel.Program
	// Ast is what was written, with types.
	Ast *cel.Ast
}

// Compile compiles an expression. What is wrong with it is said in our words, with the
// line and the column.
func (e *Environment) Compile(text string) (compiled *Compiled, problem string) {
	if known := e.known(text); known != nil {
		return known, ""
	}
	if problem, is := e.refused.Get(text); is {
		return nil, problem.(string) //nolint:forcetypeassert // nothing else is put there
	}
	compiled, problem = e.compile(text)
	if problem != "" {
		e.refused.Add(text, problem)
		return nil, problem
	}
	e.keep(text, compiled)
	return compiled, ""
}

func (e *Environment) compile(text string) (*Compiled, string) {
	env, err := e.env()
	if err != nil {
		return nil, "CEL is not available: " + err.Error()
	}
	tree, problem := check(env, text)
	if problem != "" {
		return nil, problem
	}
	if problem := checkPatterns(tree); problem != "" {
		return nil, problem
	}
	ready, err := program(evaluating(env, tree), tree, e.cost)
	if err != nil {
		return nil, "the expression cannot be evaluated: check the constants in it"
	}
	return &Compiled{Program: ready, Ast: tree}, ""
}

func (e *Environment) known(text string) *Compiled {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.compiled[text].Value()
}

// keep shares an expression for as long as somebody uses it.
func (e *Environment) keep(text string, compiled *Compiled) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.compiled[text] = weak.Make(compiled)
	runtime.AddCleanup(compiled, e.forget, text)
}

func (e *Environment) forget(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.compiled[text].Value() == nil {
		delete(e.compiled, text)
	}
}
