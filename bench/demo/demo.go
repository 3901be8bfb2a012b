// Package demo is the story that `weir demo` tells: a gateway in front of three API endpoints and an echo, traffic
// from the built-in generator, one endpoint killed and revived on the way, and no request lost.
//
// cmd calls Run and gives it the gateway to start; the demo owns the endpoints, the config, the certificate, the
// traffic and what is printed. It knows the gateway by its config and its sockets alone.
package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// DefaultPortBase is the first port of the demo: HTTP there, then HTTPS, TCP and the admin API on the next three;
// the endpoints follow from the eleventh on.
const DefaultPortBase = 18080

// Exit codes of Run, those of all of Weir's commands.
const (
	Fine     = 0 // no request failed
	Failed   = 1 // a request failed, or the killed endpoint did not come back
	NotBegun = 3 // the demo could not run, or was interrupted
)

// Start runs a gateway on a config, whose text is also the file at path, and returns once it accepts connections.
// The gateway serves until stop is called; ctx bounds the start alone. stop drains within its context.
type Start func(ctx context.Context, path string, text []byte) (stop func(context.Context) error, err error)

// Options of one demo.
type Options struct {
	// Start is the gateway to show. Required.
	Start Start
	// Out receives the table and the report, Err what went wrong. Default: the process's own.
	Out, Err io.Writer
	// PortBase is the first port, usually DefaultPortBase. 0: a free block below the ephemeral ports is looked for.
	PortBase int
	// Stay keeps serving after the report until the context ends.
	Stay bool
	// Duration is how long the traffic lasts. Default: 20s. The story is told in proportion.
	Duration time.Duration
}

const (
	usualDuration = 20 * time.Second
	stopPatience  = 10 * time.Second
)

// Run tells the story and returns the exit code. It blocks until all that it started has stopped: for about
// Duration, or, with Stay, until ctx ends. It may be called once at a time for one PortBase.
func Run(ctx context.Context, o Options) int {
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.Err == nil {
		o.Err = os.Stderr
	}
	if o.Duration == 0 {
		o.Duration = usualDuration
	}
	code, err := run(ctx, &o)
	if err != nil {
		fmt.Fprintf(o.Err, "weir demo: %v\n", err)
		return NotBegun
	}
	return code
}

// run sets the stage, plays, and clears the stage in reverse order.
func run(ctx context.Context, o *Options) (code int, err error) {
	stage, err := newStage(o.PortBase, o.Duration)
	if err != nil {
		return 0, err
	}
	defer stage.close()
	stop, err := o.Start(ctx, stage.path, stage.text)
	if err != nil {
		return 0, fmt.Errorf("the gateway does not start: %w", err)
	}
	defer func() {
		// The caller's context may have ended; the drain gets its own.
		limit, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()
		if stopping := stop(limit); stopping != nil && err == nil {
			err = fmt.Errorf("the gateway does not stop: %w", stopping)
		}
	}()
	if err := stage.ready(ctx); err != nil {
		return 0, err
	}
	return play(ctx, o, stage), nil
}

// play runs the traffic, the story and the screen side by side, then reports.
func play(ctx context.Context, o *Options, stage *stage) int {
	screen := newScreen(o.Out, stage)
	story := newStory(stage, o.Duration)
	screen.begin()

	playing, curtain := context.WithCancel(ctx)
	var watchers, traffic sync.WaitGroup
	watchers.Go(func() { story.run(playing) })         // kills, revives and watches
	watchers.Go(func() { screen.run(playing, story) }) // draws
	for _, lane := range story.lanes {
		traffic.Go(func() { lane.run(ctx, o.Duration) }) // one generator per listener
	}
	traffic.Wait()
	curtain()
	watchers.Wait()

	view := story.view()
	screen.end(&view)
	code := screen.report(story.outcome(ctx.Err() != nil && !o.Stay))
	if o.Stay && ctx.Err() == nil {
		screen.staying()
		<-ctx.Done()
	}
	return code
}
