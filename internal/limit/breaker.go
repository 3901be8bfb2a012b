package limit

import (
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// BreakerState is what a breaker does with uses.
type BreakerState uint8

const (
	// Closed: uses pass and are judged.
	Closed BreakerState = iota
	// Open: uses are refused until the time is up.
	Open
	// HalfOpen: a few uses pass, and decide.
	HalfOpen
)

var breakerStateNames = [...]string{"closed", "open", "half_open"}

// String returns the word that logs, metrics and the admin API use.
func (s BreakerState) String() string {
	if int(s) < len(breakerStateNames) {
		return breakerStateNames[s]
	}
	return "breaker_state(" + strconv.Itoa(int(s)) + ")"
}

const (
	// trialUses is how many outcomes decide a trial, or MinUses if that is fewer.
	trialUses = 10
	// trialsAtOnce is how many uses of a trial are in flight at a time.
	trialsAtOnce = 3
)

// BreakerConfig says when a breaker opens and for how long.
type BreakerConfig struct {
	// FailureRate is the share of failed uses from which it opens, above 0 and at most 1.
	FailureRate float64
	// MinUses is how many uses within [Window] it takes to judge, at least 1.
	MinUses int
	// Open is how long it stays open before a trial.
	Open time.Duration
}

// trial returns how many outcomes decide a trial, and how many failures among them fail it: as many
// as would have opened the breaker.
func (c *BreakerConfig) trial() (uses, failures int) {
	uses = max(1, min(trialUses, c.MinUses))
	return uses, max(1, int(math.Ceil(c.FailureRate*float64(uses)-1e-9)))
}

// Breaker refuses uses of an upstream that fails most of them, so that callers learn it at once and
// the upstream gets air. The zero value is switched off: everything passes and nothing is counted.
// All methods are safe for concurrent use.
//
// While it is closed no method takes a lock. Each phase has a number, which is the ticket of the
// uses that began in it: an outcome of an earlier phase says nothing about the present one.
type Breaker struct {
	config atomic.Pointer[BreakerConfig] // nil: off
	word   atomic.Uint64                 // phase<<8 | state
	since  atomic.Int64                  // when the phase began
	trials atomic.Int32                  // in flight while half open
	places atomic.Int64                  // since when the places of the trial are given

	uses, failures window // of the present closed phase

	opened, refused            atomic.Uint64
	openedUses, openedFailures atomic.Uint64 // what the last opening from closed was for

	turned func() // nil: nobody asks

	mu          sync.Mutex // guards changes of phase and what follows
	trialOK     int
	trialFailed int
}

// Configure lets c hold from now on; nil switches the breaker off and closes it. The phase and the
// counts stay otherwise.
func (b *Breaker) Configure(c *BreakerConfig, now time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.config.Store(c)
	if _, state := b.phase(); c == nil && state != Closed {
		b.enter(Closed, now)
	}
}

// OnTurn lets f be told that a phase has begun. It is called with a lock held, on the goroutine of the
// use that was the reason, so it must not block. Call it before the first use.
func (b *Breaker) OnTurn(f func()) { b.turned = f }

// Left returns how long the breaker stays open, 0 if it is not open.
func (b *Breaker) Left(now time.Duration) time.Duration {
	c := b.config.Load()
	if _, state := b.phase(); c == nil || state != Open {
		return 0
	}
	return max(0, c.Open-(now-time.Duration(b.since.Load())))
}

// On reports whether there is a breaker at all.
func (b *Breaker) On() bool { return b.config.Load() != nil }

func (b *Breaker) phase() (number uint64, state BreakerState) {
	word := b.word.Load()
	return word >> 8, BreakerState(word & 0xff)
}

// ticketOf leaves 0 for a use that no breaker has seen.
func ticketOf(phase uint64) uint32 { return uint32(phase)<<1 | 1 }

// Allow reports whether a use may begin. The ticket of one that may goes to exactly one of Succeeded,
// Failed and Forgo.
func (b *Breaker) Allow(now time.Duration) (ticket uint32, ok bool) {
	c := b.config.Load()
	if c == nil {
		return 0, true
	}
	phase, state := b.phase()
	if state == Closed {
		return ticketOf(phase), true
	}
	if ticket, ok = b.tryTrial(c, now); !ok {
		b.refused.Add(1)
	}
	return ticket, ok
}

// tryTrial lets a use of an open or half-open breaker be part of the trial, if there is room. It
// refuses without a lock.
func (b *Breaker) tryTrial(c *BreakerConfig, now time.Duration) (ticket uint32, ok bool) {
	if _, state := b.phase(); b.refuses(state, c, now) {
		return 0, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch _, state := b.phase(); {
	case b.refuses(state, c, now):
	case state == Open:
		b.enter(HalfOpen, now)
	case state == HalfOpen && b.trials.Load() >= trialsAtOnce:
		// Uses that take longer than Open, such as sessions, must not keep the others waiting.
		b.places.Store(int64(now))
		b.trials.Store(0)
	}
	phase, state := b.phase()
	switch {
	case state == HalfOpen && b.trials.Load() < trialsAtOnce:
		b.trials.Add(1)
		return ticketOf(phase), true
	case state == Closed:
		return ticketOf(phase), true
	}
	return 0, false
}

// refuses reports whether a use finds the breaker open, or its trial without a place.
func (b *Breaker) refuses(s BreakerState, c *BreakerConfig, now time.Duration) bool {
	switch s {
	case Open:
		return now-time.Duration(b.since.Load()) < c.Open
	case HalfOpen:
		return b.trials.Load() >= trialsAtOnce && now-time.Duration(b.places.Load()) < c.Open
	}
	return false
}

// Succeeded says that the use went well.
func (b *Breaker) Succeeded(ticket uint32, now time.Duration) {
	phase, state := b.phase()
	switch {
	case ticket != ticketOf(phase):
	case state == Closed:
		b.uses.add(now)
	case state == HalfOpen:
		b.tried(ticket, now, 1, 0)
	}
}

// Failed says that the use failed, which may open the breaker.
func (b *Breaker) Failed(ticket uint32, now time.Duration) {
	phase, state := b.phase()
	switch {
	case ticket != ticketOf(phase):
	case state == Closed:
		b.uses.add(now)
		b.failures.add(now)
		b.judge(ticket, now)
	case state == HalfOpen:
		b.tried(ticket, now, 0, 1)
	}
}

// Forgo says that the use came to nothing that tells about the upstream, or never began.
func (b *Breaker) Forgo(ticket uint32, now time.Duration) {
	if phase, state := b.phase(); ticket == ticketOf(phase) && state == HalfOpen {
		b.tried(ticket, now, 0, 0)
	}
}

// judge opens a closed breaker of which too much fails.
func (b *Breaker) judge(ticket uint32, now time.Duration) {
	c := b.config.Load()
	if c == nil {
		return
	}
	uses, failures := b.uses.sum(now), b.failures.sum(now)
	if uses < uint64(c.MinUses) || float64(failures) < c.FailureRate*float64(uses)-1e-9 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if phase, _ := b.phase(); ticketOf(phase) == ticket {
		b.openedUses.Store(uses)
		b.openedFailures.Store(failures)
		b.enter(Open, now)
	}
}

// tried takes one outcome of a trial and ends the trial once it is decided.
func (b *Breaker) tried(ticket uint32, now time.Duration, ok, failed int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.config.Load()
	if phase, _ := b.phase(); ticketOf(phase) != ticket || c == nil {
		return
	}
	if b.trials.Load() > 0 { // 0: the places were given anew meanwhile
		b.trials.Add(-1)
	}
	b.trialOK += ok
	b.trialFailed += failed
	switch uses, failures := c.trial(); {
	case b.trialFailed >= failures:
		b.enter(Open, now)
	case b.trialOK > uses-failures:
		b.enter(Closed, now)
	}
}

// enter begins a phase. The mutex is held.
func (b *Breaker) enter(s BreakerState, now time.Duration) {
	phase, _ := b.phase()
	switch s {
	case Open:
		b.opened.Add(1)
	case HalfOpen:
		b.trials.Store(0)
		b.places.Store(int64(now))
		b.trialOK, b.trialFailed = 0, 0
	case Closed:
		b.uses.clear()
		b.failures.clear()
	}
	b.since.Store(int64(now))
	b.word.Store((phase+1)<<8 | uint64(s))
	if b.turned != nil {
		b.turned()
	}
}

// BreakerStats is what a breaker shows.
type BreakerStats struct {
	// State is what it does, Since when that began.
	State BreakerState
	Since time.Duration
	// Uses and Failures are what the present closed phase has seen within [Window].
	Uses, Failures uint64
	// Open is [BreakerConfig].Open, 0 of a breaker that is switched off.
	Open time.Duration
	// OpenedUses and OpenedFailures are what the last closed phase had seen within [Window] when it ended
	// by an opening.
	OpenedUses, OpenedFailures uint64
	// Opened and Refused count for ever.
	Opened, Refused uint64
}

// Stats returns what the breaker shows now.
func (b *Breaker) Stats(now time.Duration) BreakerStats {
	_, state := b.phase()
	s := BreakerStats{State: state, Since: time.Duration(b.since.Load()), Opened: b.opened.Load(), Refused: b.refused.Load()}
	if c := b.config.Load(); c != nil {
		s.Open = c.Open
	}
	s.OpenedUses, s.OpenedFailures = b.openedUses.Load(), b.openedFailures.Load()
	if state == Closed {
		s.Uses, s.Failures = b.uses.sum(now), b.failures.sum(now)
	}
	return s
}
