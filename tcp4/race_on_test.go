//go:build race

package tcp4

// raced: the race detector makes sync.Pool drop things on purpose and keeps memory of its own, so
// figures of memory mean nothing.
const raced = true
