// Package policytest holds what the tests of several policies share. Only tests import it.
package policytest

import (
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"weir/http7/policy"
	"weir/internal/filewatch"
)

// Process stands for a process that serves: what it gives to policies outlasts the configs of a test. It is safe for
// concurrent use.
type Process struct {
	// Kept is what policies keep from one config to the next.
	Kept *policy.Kept
	// Files looks at nothing by itself: see Settle.
	Files *filewatch.Watcher
	// StateDir is where policies may keep files; "" if there is none.
	StateDir string
	// Log is what policies have logged.
	Log Log

	mu     sync.Mutex
	events map[string]*atomic.Uint64
	levels map[string]*level
}

// level is what is shown under one name, by how many configs.
type level struct {
	read  func() float64 // the last's
	shown int
}

// NewProcess returns a process that has served nothing.
func NewProcess() *Process {
	return &Process{
		Kept: policy.NewKept(), Files: filewatch.New(nil),
		events: map[string]*atomic.Uint64{}, levels: map[string]*level{},
	}
}

// Needs begins one more config and returns what its policies get. Its turn ends when the test ends it.
func (p *Process) Needs() *policy.Needs {
	return &policy.Needs{
		Log: slog.New(slog.NewTextHandler(&p.Log, nil)), Files: p.Files, Turn: p.Kept.Begin(), StateDir: p.StateDir,
		Counted: p.counter, Gauged: p.show,
	}
}

// Needs are those of the only config of a process, whose turn ends with the test.
func Needs(t testing.TB) *policy.Needs {
	n := NewProcess().Needs()
	t.Cleanup(n.Turn.End)
	return n
}

// Settle looks at changed files as often as it takes until they are read.
func (p *Process) Settle() {
	p.Files.Look()
	p.Files.Look()
}

// Count returns how often an event of a policy was counted: "edge.jwt refresh_failed".
func (p *Process) Count(event string) uint64 {
	name, what, _ := strings.Cut(event, " ")
	return p.counter(name, what).Load()
}

// Level returns a level of a policy, "edge.rate_limit keys", -1 if it is not shown.
func (p *Process) Level(name string) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.levels[name]; l != nil {
		return l.read()
	}
	return -1
}

// Levels returns how many levels are shown.
func (p *Process) Levels() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.levels)
}

func (p *Process) counter(name, event string) *atomic.Uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := name + " " + event
	if p.events[key] == nil {
		p.events[key] = new(atomic.Uint64)
	}
	return p.events[key]
}

func (p *Process) show(name, what string, read func() float64) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := name + " " + what
	l := p.levels[key]
	if l == nil {
		l = &level{}
		p.levels[key] = l
	}
	l.read = read
	l.shown++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if l.shown--; l.shown == 0 {
			delete(p.levels, key)
		}
	}
}

// Log is what was logged. It may be read while it is written. The zero Log is empty.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
