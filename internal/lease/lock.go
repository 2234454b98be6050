// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// How long a Lease is good for. Others take it Duration after they have seen its last
// renewal; its holder decides nothing from RenewDeadline after that on, and what is on
// its way by then has the difference to arrive.
const (
	Duration      = 15 * time.Second
	RenewDeadline = 10 * time.Second
	RetryPeriod   = 2 * time.Second
)

// Lock returns the lock that the election works with.
func (f *Fence) Lock(cluster *rest.Config, namespace, name string) (resourcelock.Interface, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	identity := host + "_" + string(uuid.NewUUID())
	config := rest.AddUserAgent(rest.CopyConfig(cluster), "leader-election")
	config.Timeout = RenewDeadline / 2 // one request that hangs costs nobody the Lease
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, namespace, name, clients.CoreV1(), clients.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: identity})
	if err != nil {
		return nil, err
	}
	return f.Around(recording{lock, clients, corev1.ObjectReference{
		APIVersion: "coordination.k8s.io/v1", Kind: "Lease", Namespace: namespace, Name: name,
	}}), nil
}

// recording is a lock that tells on its Lease who took it, and who gave it back.
type recording struct {
	resourcelock.Interface
	clients kubernetes.Interface
	about   corev1.ObjectReference
}

// RecordEvent implements resourcelock.Interface. It is told at once: the last word of
// a process that ends would be lost in a queue.
func (r recording) RecordEvent(what string) {
	ctx, cancel := context.WithTimeout(context.Background(), RetryPeriod)
	defer cancel()
	now := metav1.Now()
	_, _ = r.clients.CoreV1().Events(r.about.Namespace).Create(ctx, &corev1.Event{ // nothing rests on it
		ObjectMeta:     metav1.ObjectMeta{GenerateName: r.about.Name + ".", Namespace: r.about.Namespace},
		InvolvedObject: r.about, Reason: "LeaderElection", Message: r.Identity() + " " + what, Type: corev1.EventTypeNormal,
		Source: corev1.EventSource{Component: r.about.Name}, FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}, metav1.CreateOptions{})
}
