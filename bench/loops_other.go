//go:build !linux

package bench

// newLoops has no epoll here and falls back to goroutines.
func newLoops(r *run) (engine, error) { return newWorkers(r) }
