// SPDX-License-Identifier: Apache-2.0

// Package demo plays an organisation that adopts something real: five teams move
// from Ingress to Gateway API, on a real API server, with the operator watching.
// It ends with an error when the story did not happen.
package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/uptake-dev/uptake/internal/controlplane"
)

// Namespace of the program.
const Namespace = "uptake-demo"

// Options of the demo.
type Options struct {
	// Config of a cluster that exists; nil starts a control plane.
	Config *rest.Config
	// Kubeconfig of that cluster.
	Kubeconfig string
	// Command that starts an operator; the kubeconfig's path is put behind it.
	// Empty: one is running in the cluster already.
	Command []string
	// KillEvery kills the operator with SIGKILL at random moments, on average
	// this far apart, and starts it again; zero: never.
	KillEvery time.Duration
	// Keep leaves everything running after the story, until the context ends.
	Keep bool
	// Folder for the kubeconfig and the operator's log.
	Folder string
	// Out gets the picture; Terminal says that it may be drawn anew.
	Out      io.Writer
	Terminal bool
}

// sceneWithin is how long the operator has for each scene.
const sceneWithin = 90 * time.Second

// Run plays the story and judges it.
func Run(ctx context.Context, options Options) (err error) {
	began := time.Now()
	if err := os.MkdirAll(options.Folder, 0o750); err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(options.Out, format+"\n", args...) }
	if options.Config == nil {
		say("Starting an API server and its etcd ...")
		plane, startErr := controlplane.Start(ctx, controlplane.Options{})
		if startErr != nil {
			return startErr
		}
		defer func() {
			if stopErr := plane.Stop(); err == nil {
				err = stopErr
			}
		}()
		options.Config, options.Kubeconfig = plane.Config, filepath.Join(options.Folder, "kubeconfig")
		if err := os.WriteFile(options.Kubeconfig, plane.Kubeconfig, 0o600); err != nil {
			return err
		}
	}
	c, err := newClient(options.Config)
	if err != nil {
		return err
	}
	say("Installing the definitions of Uptake and of Gateway API ...")
	if err := install(ctx, c); err != nil {
		return err
	}
	stop, err := startOperator(ctx, options)
	if err != nil {
		return err
	}
	defer stop()

	journal := NewJournal()
	if err := play(ctx, options, c, journal); err != nil {
		return err
	}
	if err := settled(ctx, journal); err != nil {
		return fmt.Errorf("the story did not happen as told:\n%w", err)
	}
	report(options.Out, journal, time.Since(began))
	if options.Keep {
		say("\nEverything stays up until you press Ctrl-C. Look around in another terminal:\n  export KUBECONFIG=%s\n  kubectl get uptake -A\n  kubectl -n %s describe phase mandated-teams", options.Kubeconfig, Namespace)
		<-ctx.Done()
		return nil
	}
	say("\nTo look around afterwards, run it with --keep.")
	return nil
}

// play runs the scenes.
func play(ctx context.Context, options Options, c client.WithWatch, journal *Journal) error {
	watching, done := context.WithCancel(ctx)
	defer done()
	people := organisation{client: c}
	shown := &screen{out: options.Out, terminal: options.Terminal, began: time.Now()}
	all := scenes()
	if err := people.settle(ctx); err != nil {
		return err
	}
	if err := apply(ctx, c, program); err != nil {
		return err
	}
	if err := journal.Watch(watching, c, Namespace); err != nil {
		return err
	}
	for i, next := range all {
		shown.begin(i+1, len(all), next)
		started := time.Now()
		if next.do != nil {
			if err := next.do(ctx, people); err != nil {
				return fmt.Errorf("scene %d: %w", i+1, err)
			}
		}
		for !next.until(journal.view()) {
			if time.Since(started) > sceneWithin {
				shown.draw(journal.view(), time.Now())
				return fmt.Errorf("scene %d did not happen within %s: %s; the operator's log is in %s", i+1, sceneWithin, next.expect, filepath.Join(options.Folder, "operator.log"))
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(250 * time.Millisecond):
			}
			shown.draw(journal.view(), time.Now())
		}
		shown.end(time.Since(started))
	}
	shown.draw(journal.view(), time.Now())
	// The watch goes on: the last events may still be on their way.
	return settled(watching, journal)
}

// settled waits until the journal tells the whole story, or says what is missing.
func settled(ctx context.Context, journal *Journal) error {
	var err error
	for range 40 {
		if err = journal.Judge(Story()); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(250 * time.Millisecond):
		}
	}
	return err
}

// report says what happened.
func report(out io.Writer, journal *Journal, took time.Duration) {
	fmt.Fprintf(out, "\nThe story happened as told, in %s. A watcher of the API server saw:\n\n", took.Round(time.Second))
	for _, object := range []string{
		"AdoptionProgram gateway-api", "Phase pilot", "Phase mandated-teams", "Phase opt-in-teams", "Phase ingress-is-gone",
		"Barrier new-ingresses", "Barrier " + regressionBarrier,
	} {
		fmt.Fprintf(out, "  %-45s %s\n", object, journal.Path(object))
	}
	fmt.Fprintf(out, "\nEvery transition has exactly one event.\n")
}
