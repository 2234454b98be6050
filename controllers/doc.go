// SPDX-License-Identifier: Apache-2.0

// Package controllers connects the API server, the poll scheduler and the
// decision core: observe, call, apply. Nothing is decided here.
//
// A program with its phases and barriers is one aggregate, reconciled under the
// program's key by ProgramReconciler. Sources have a reconciler of their own.
package controllers

// What the operator may do: exactly what it does, which test/rights compares. Rights to
// count objects come from the aggregated ClusterRole uptake-inventory, rights to
// credentials from Roles beside them.
//
// The cache lists and watches. Only a program is read by name as well, past the cache,
// before a transition.
//
// +kubebuilder:rbac:groups=uptake.dev,resources=adoptionprograms,verbs=get;list;watch
// +kubebuilder:rbac:groups=uptake.dev,resources=phases;usagesources;clusterusagesources,verbs=list;watch
// +kubebuilder:rbac:groups=uptake.dev,resources=barriers,verbs=list;watch;create
// +kubebuilder:rbac:groups=uptake.dev,resources=adoptionprograms/status;phases/status;barriers/status;usagesources/status;clusterusagesources/status,verbs=update
// +kubebuilder:rbac:groups="",resources=events,verbs=create
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
