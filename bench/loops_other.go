//go:build !linux

package bench

import "context"

// newLoops has no epoll here and falls back to goroutines.
func newLoops(_ context.Context, r *run) (engine, error) { return newWorkers(r) }
