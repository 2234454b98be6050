// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/api/v1alpha1"
	"github.com/uptake-dev/uptake/internal/adoption"
)

// observe gathers everything that a step rests on. Objects of the cache are not
// copied: the core does not change what it is given.
func (r *ProgramReconciler) observe(ctx context.Context, reader client.Reader, key types.NamespacedName) (adoption.Snapshot, error) {
	snapshot := adoption.Snapshot{ProgramName: key.Name, DisplayEvery: r.DisplayEvery, ClockSet: r.Turns.clockSet()}
	program := &v1alpha1.AdoptionProgram{}
	switch err := reader.Get(ctx, key, program); {
	case err == nil:
		snapshot.Program = program
	case !apierrors.IsNotFound(err):
		return snapshot, err
	}
	if err := observeParts(ctx, reader, key, &snapshot); err != nil {
		return snapshot, err
	}
	if snapshot.Program == nil {
		r.Planner.Forget(key)
		if len(snapshot.Phases)+len(snapshot.Barriers) == 0 {
			return snapshot, nil
		}
		var err error
		snapshot.NearestProgram, err = r.nearestProgram(ctx, key)
		return snapshot, err
	}
	snapshot.Measurements = r.Planner.Measurements(ctx, program)
	return snapshot, nil
}

func observeParts(ctx context.Context, reader client.Reader, key types.NamespacedName, snapshot *adoption.Snapshot) error {
	options := []client.ListOption{
		client.InNamespace(key.Namespace), client.MatchingFields{programField: key.Name}, client.UnsafeDisableDeepCopy,
	}
	var phases v1alpha1.PhaseList
	if err := reader.List(ctx, &phases, options...); err != nil {
		return err
	}
	for i := range phases.Items {
		snapshot.Phases = append(snapshot.Phases, &phases.Items[i])
	}
	var barriers v1alpha1.BarrierList
	if err := reader.List(ctx, &barriers, options...); err != nil {
		return err
	}
	for i := range barriers.Items {
		snapshot.Barriers = append(snapshot.Barriers, &barriers.Items[i])
	}
	return nil
}

func (r *ProgramReconciler) nearestProgram(ctx context.Context, key types.NamespacedName) (string, error) {
	var programs v1alpha1.AdoptionProgramList
	if err := r.Client.List(ctx, &programs, client.InNamespace(key.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return "", err
	}
	names := make([]string, len(programs.Items))
	for i := range programs.Items {
		names[i] = programs.Items[i].Name
	}
	return adoption.Nearest(key.Name, names), nil
}
