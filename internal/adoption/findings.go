// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/uptake-dev/uptake/api/v1alpha1"
)

// SpecFindingKind says what a finding does to its object.
type SpecFindingKind int

const (
	// FindingSpec is a mistake or a contradiction of the object's own spec: it
	// cannot work until somebody changes it.
	FindingSpec SpecFindingKind = iota
	// FindingReference is something the spec names and that is not there yet.
	FindingReference
	// FindingWarning is said and keeps nothing back: somebody may mean it so.
	FindingWarning
)

// SpecFinding is one thing that is wrong with an object, as people are told: where
// it is, what is wrong, and what to write instead.
type SpecFinding struct {
	Kind SpecFindingKind
	// Path of the field, such as spec.targets[0].atLeast; empty: the whole object.
	Path    string
	Reason  string
	Message string
}

// String is the finding in one line.
func (f SpecFinding) String() string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

// findings collects what is wrong with one object: people mend all of it at once.
type findings []SpecFinding

func (f *findings) add(kind SpecFindingKind, reason, path, message string) {
	found := SpecFinding{Kind: kind, Path: path, Reason: reason, Message: message}
	if !slices.Contains(*f, found) {
		*f = append(*f, found)
	}
}

func (f *findings) invalid(path, format string, args ...any) {
	f.add(FindingSpec, v1alpha1.ReasonInvalidSpec, path, fmt.Sprintf(format, args...))
}

func (f *findings) warn(path, format string, args ...any) {
	f.add(FindingWarning, v1alpha1.ReasonInvalidSpec, path, fmt.Sprintf(format, args...))
}

// maxProblemText leaves room in a condition's message for words around it.
const maxProblemText = 1800

// problem puts findings together: the first gives the reason, own mistakes before
// names of things that are not there. Nil when nothing but warnings was found.
func (f findings) problem() *problem {
	wrong := slices.DeleteFunc(slices.Clone(f), func(s SpecFinding) bool { return s.Kind == FindingWarning })
	if len(wrong) == 0 {
		return nil
	}
	slices.SortStableFunc(wrong, func(a, b SpecFinding) int { return cmp.Compare(a.Kind, b.Kind) })
	p := &problem{stalled: wrong[0].Kind == FindingSpec, reason: wrong[0].Reason, message: numbered(wrong)}
	for _, s := range wrong {
		p.reasons = append(p.reasons, s.Reason)
	}
	return p
}

// numbered writes findings one after the other, and counts those that there is no
// room for.
func numbered(list []SpecFinding) string {
	if len(list) == 1 {
		return list[0].String()
	}
	text := fmt.Sprintf("%d things are wrong:", len(list))
	for i, s := range list {
		next := fmt.Sprintf(" (%d) %s", i+1, s)
		if i > 0 && len(text)+len(next) > maxProblemText {
			return text + fmt.Sprintf(" and %d more", len(list)-i)
		}
		if i > 0 {
			text += ";"
		}
		text += next
	}
	return text
}

// warnings are what is said beside that an object is ready; empty: nothing.
func (f findings) warnings() string {
	var texts []string
	for _, s := range f {
		if s.Kind == FindingWarning {
			texts = append(texts, s.String())
		}
	}
	if len(texts) == 0 {
		return ""
	}
	return " Warning: " + strings.Join(texts, "; ") + "."
}
