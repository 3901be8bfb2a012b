// Package policy is what the policies in the folders below have in common: what they need of the process that serves.
//
// Gateways make a [Needs] for each config that they compile; policies keep by it what a reload must not end: limiter
// buckets, fetched keys, watched files.
package policy

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"weir/internal/filewatch"
	"weir/internal/shared"
)

// Needs is what a policy gets that keeps something. nil is for a check: nothing is opened, started or asked then, and
// what Compile returns is never asked either.
type Needs struct {
	// Log takes what happens apart from requests. It is never nil.
	Log *slog.Logger
	// Files watches files.
	Files *filewatch.Watcher
	// Turn is the config that is being compiled.
	Turn *Turn
	// Idle says that what is compiled serves dry runs alone: nothing need be fetched or run in the background.
	Idle bool
	// Shared is what several nodes have in common; nil without [shared]. Where Idle, it is asked by Peek alone.
	Shared *shared.Store
	// StateDir is where a policy may keep files of its own; "" if there is none.
	StateDir string
	// Counted returns the counter of an event of a policy, such as ("edge.jwt", "refresh_failed"). Series of one policy
	// and event are the same counter. It is called at compile time, never per request.
	Counted func(policy, event string) *atomic.Uint64
	// Gauged shows what read returns as a level of a policy, such as ("edge.rate_limit", "keys"), until the returned
	// function is called. read may be called at any time.
	Gauged func(policy, level string, read func() float64) (end func())
}

// FailedFile shows as the level "failed_files" of a policy whether f has changed and could not be taken, until the returned
// function is called.
func (n *Needs) FailedFile(policy string, f *filewatch.File) (end func()) {
	if n.Gauged == nil {
		return func() {}
	}
	return n.Gauged(policy, "failed_files", func() float64 {
		if f.Failed() != "" {
			return 1
		}
		return 0
	})
}

// Ender is something that policies keep: Close ends what runs in the background for it. Exchanges that are under way
// may still use it.
type Ender interface{ Close() }

// Kept holds what policies keep over reloads, by name. It is safe for concurrent use.
type Kept struct {
	mu   sync.Mutex
	held map[string]*held
}

type held struct {
	what Ender
	// in are how many turns have it: the one that serves, and those being made.
	in int
}

// NewKept returns a Kept that holds nothing.
func NewKept() *Kept { return &Kept{held: map[string]*held{}} }

// Turn is one config's part in what is kept.
type Turn struct {
	of   *Kept
	keys map[string]struct{}
}

// Begin begins the turn of a config that is compiled. It ends with End: at once if the config never serves, when it is
// retired if it does.
func (k *Kept) Begin() *Turn { return &Turn{of: k, keys: map[string]struct{}{}} }

// End lets go of all that t has adopted; what no other turn has is closed. A second call does nothing.
func (t *Turn) End() {
	t.of.mu.Lock()
	var closing []Ender
	for key := range t.keys {
		h := t.of.held[key]
		if h.in--; h.in == 0 {
			delete(t.of.held, key)
			closing = append(closing, h.what)
		}
	}
	clear(t.keys)
	t.of.mu.Unlock()
	for _, what := range closing {
		what.Close()
	}
}

// Adopt returns what is kept under key, which names the policy and all of its config that matters for it, or what make
// makes. It lives as long as a turn has it. Types of one key must not differ.
func Adopt[T Ender](t *Turn, key string, make func() (T, error)) (T, error) {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	h := t.of.held[key]
	if h == nil {
		what, err := make()
		if err != nil {
			return what, err
		}
		h = &held{what: what}
		t.of.held[key] = h
	}
	if _, mine := t.keys[key]; !mine {
		t.keys[key] = struct{}{}
		h.in++
	}
	return h.what.(T), nil
}
