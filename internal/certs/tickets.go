package certs

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

const (
	// seedLifetime is how long new tickets are sealed with keys of one seed.
	seedLifetime = 4 * time.Hour
	// seedsKept is how many seeds open tickets: those of a day. A ticket that nobody knows is tried
	// with each, so they are few.
	seedsKept = 6
)

// tickets makes the keys of session tickets. Seeds are random and forgotten after a day, and with
// them whatever could open older tickets. It is safe for concurrent use.
type tickets struct {
	mu    sync.Mutex
	seeds [][32]byte // the newest first
	since time.Time
}

// turn sees to it that the newest seed is fresh at a time. It reports whether there is a new one.
func (t *tickets) turn(now time.Time) (turned bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.seeds) > 0 && now.Sub(t.since) < seedLifetime {
		return false, nil
	}
	var fresh [32]byte
	if _, err := rand.Read(fresh[:]); err != nil {
		return false, fmt.Errorf("keys of session tickets: %w", err)
	}
	t.seeds = append([][32]byte{fresh}, t.seeds[:min(len(t.seeds), seedsKept-1)]...)
	t.since = now
	return true, nil
}

// keys returns the keys of a scope, the newest first. Equal scopes have equal keys, so that sessions
// are resumed over a reload and across listeners; nothing opens tickets of another scope.
func (t *tickets) keys(scope string) [][32]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys := make([][32]byte, len(t.seeds))
	for i := range t.seeds {
		h := hmac.New(sha256.New, t.seeds[i][:])
		h.Write([]byte(scope))
		h.Sum(keys[i][:0])
	}
	return keys
}
