// Package filewatch notices that files have changed, so that what was read from them is read again without a reload.
//
// Policies watch their key files, address lists and databases by it. One goroutine looks at all of them, every
// second: by size, time and inode. It knows nothing of what is in them.
package filewatch

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Every is how long a change may go unnoticed; a file must have stood still for as long before it is read.
const Every = time.Second

// Watcher looks at files. Its methods may be called at any time.
type Watcher struct {
	log *slog.Logger

	mu    sync.Mutex
	files map[*File]struct{}
}

// New returns a watcher; it looks at nothing until Run. log may be nil.
func New(log *slog.Logger) *Watcher {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Watcher{log: log, files: map[*File]struct{}{}}
}

// File is a file that is being watched.
type File struct {
	of     *Watcher
	path   string
	policy string
	load   func() error

	seen, tried stamp // of the last look, and of what was loaded last; the watcher's goroutine's
	failed      atomic.Pointer[string]
}

// Watch calls load once now, and again whenever the file at path has changed and then stood still for one look. The
// first load's error is returned, and nothing is watched then; a later one is logged with policy's name, and what was
// loaded before stays: load must swap what is served only when all of the new is good. It runs on the watcher's
// goroutine.
func (w *Watcher) Watch(policy, path string, load func() error) (*File, error) {
	f := &File{of: w, path: path, policy: policy, load: load}
	f.seen = stampOf(path)
	f.tried = f.seen
	if err := load(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.files[f] = struct{}{}
	w.mu.Unlock()
	return f, nil
}

// Close ends the watch. A load that runs goes on.
func (f *File) Close() {
	f.of.mu.Lock()
	delete(f.of.files, f)
	f.of.mu.Unlock()
}

// Failed returns why the file as it is now is not served; "" if it is.
func (f *File) Failed() string {
	if why := f.failed.Load(); why != nil {
		return *why
	}
	return ""
}

// Run looks at the files until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.Look()
		}
	}
}

// Look looks at every file once. Run calls it; a test may. It is not for concurrent use.
func (w *Watcher) Look() {
	w.mu.Lock()
	all := make([]*File, 0, len(w.files))
	for f := range w.files {
		all = append(all, f)
	}
	w.mu.Unlock()
	for _, f := range all {
		f.look()
	}
}

func (f *File) look() {
	now := stampOf(f.path)
	still := now == f.seen
	f.seen = now
	if !still || now == f.tried {
		return
	}
	f.tried = now
	if err := f.load(); err != nil {
		why := err.Error()
		f.failed.Store(&why)
		f.of.log.Error("a changed file is not taken, what it held before stays", "policy", f.policy, "file", f.path, "error", why)
		return
	}
	f.failed.Store(nil)
	f.of.log.Info("a changed file is taken", "policy", f.policy, "file", f.path)
}

// stamp tells two states of a file apart.
type stamp struct {
	size  int64
	time  int64
	inode uint64
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{size: -1}
	}
	s := stamp{size: info.Size(), time: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s
}
