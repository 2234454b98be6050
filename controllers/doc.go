// SPDX-License-Identifier: Apache-2.0

// Package controllers connects the API server, the poll scheduler and the
// decision core: observe, call, apply. Nothing is decided here.
//
// A program with its phases and barriers is one aggregate, reconciled under the
// program's key by ProgramReconciler. Sources have a reconciler of their own.
package controllers

// What the operator may do. Rights to count objects come from the aggregated
// ClusterRole uptake-inventory, rights to credentials from Roles beside them.
//
// +kubebuilder:rbac:groups=uptake.dev,resources=adoptionprograms;phases;usagesources;clusterusagesources,verbs=get;list;watch
// +kubebuilder:rbac:groups=uptake.dev,resources=barriers,verbs=get;list;watch;create
// +kubebuilder:rbac:groups=uptake.dev,resources=adoptionprograms/status;phases/status;barriers/status;usagesources/status;clusterusagesources/status,verbs=update
// +kubebuilder:rbac:groups="",resources=events,verbs=create
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
