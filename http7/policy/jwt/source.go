package jwt

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/conf"
	"weir/internal/fetch"
	"weir/internal/filewatch"
)

// source holds the keys of one issuer. Policies keep it over reloads. It is safe for concurrent use.
type source struct {
	name string
	log  *slog.Logger
	keys atomic.Pointer[keySet] // nil until some were had
	last *lastKeys              // nil of a file

	refreshed, failed, ignored *atomic.Uint64

	unshow []func()        // end the levels that are shown
	file   *filewatch.File // nil of a URL
	// Of a URL alone:
	url            string
	client         *fetch.Client
	refresh, apart time.Duration
	pause          time.Duration // after the first failure; it doubles
	stop           context.CancelFunc
	stopped        chan struct{}
	nudge          chan struct{}

	mu    sync.Mutex
	asked time.Time     // when a token last had them asked for; zero: none has
	ended chan struct{} // closed when the call under way, or one that is due at once, has ended; nil without one
	wrong string        // what the last failure was, told once
	over  bool          // it is closed: nobody will ask any more
}

// lastKeys are the last good keys of a URL, for the next source of the same: a reload that changes how often or for how long
// it is asked must not lose them.
type lastKeys struct{ atomic.Pointer[keySet] }

// Close implements [policy.Ender].
func (*lastKeys) Close() {}

// fixedKeys is a source of keys that never change.
func fixedKeys(keys []key) *source {
	s := &source{}
	s.keys.Store(&keySet{keys: keys})
	return s
}

// Close implements [policy.Ender].
func (s *source) Close() {
	for _, end := range s.unshow {
		end()
	}
	if s.file != nil {
		s.file.Close()
	}
	if s.stop != nil {
		s.stop()
		<-s.stopped
		s.client.Close()
	}
}

// count is how many keys there are.
func (s *source) count() float64 {
	if set := s.keys.Load(); set != nil {
		return float64(len(set.keys))
	}
	return 0
}

// load takes what the file holds now.
func (s *source) load(path string) error {
	doc, err := conf.ReadFile(path)
	if err != nil {
		return errors.New(strconv.Quote(path) + " can't be read: " + conf.FileTrouble(err))
	}
	return s.take(doc, true)
}

// take serves a document's keys from now on, if they are good. What is the same stays the same, so that tokens that were
// verified by it still are.
func (s *source) take(doc []byte, secrets bool) error {
	if now := s.keys.Load(); now != nil && string(now.doc) == string(doc) {
		return nil
	}
	set, err := parseSet(doc, secrets)
	if err != nil {
		return err
	}
	s.keys.Store(set)
	if s.last != nil {
		s.last.Store(set)
	}
	if set.ignored > 0 {
		s.ignored.Add(uint64(set.ignored))
	}
	s.log.Info("keys are taken", "policy", s.name, "keys", len(set.keys), "ignored", set.ignored)
	return nil
}

// start begins asking: at once, then every refresh, sooner after a failure and when [source.ask] says so. Its goroutine
// ends with Close.
func (s *source) start() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.stopped, s.nudge = stop, make(chan struct{}), make(chan struct{}, 1)
	s.ended = make(chan struct{}) // the first call is due: requests wait for it
	go s.run(ctx)                 // "jwt keys"
}

const (
	firstPause = time.Second
	lastPause  = time.Minute
)

func (s *source) run(ctx context.Context) {
	defer s.finish()
	pause := s.pause
	for {
		next := s.refresh - rand.N(s.refresh/10) // nodes that started together don't ask together
		if s.call(ctx) {
			pause = s.pause
		} else {
			next = min(pause, s.refresh)
			pause = min(2*pause, lastPause)
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-s.nudge:
			timer.Stop()
		}
	}
}

// finish lets go of requests that wait for a call that will not be made.
func (s *source) finish() {
	s.mu.Lock()
	s.over = true
	if s.ended != nil {
		close(s.ended)
		s.ended = nil
	}
	s.mu.Unlock()
	close(s.stopped)
}

// call asks once and reports whether good keys came.
func (s *source) call(ctx context.Context) bool {
	s.mu.Lock()
	if s.ended == nil {
		s.ended = make(chan struct{})
	}
	s.mu.Unlock()
	err := s.get(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(ctx, err)
	close(s.ended)
	s.ended = nil
	return err == nil
}

func (s *source) get(ctx context.Context) error {
	a, err := s.client.Do(ctx, &fetch.Request{URL: s.url, Header: map[string][]string{"Accept": {"application/jwk-set+json, application/json"}}})
	switch {
	case err != nil:
		return err
	case a.Status != 200:
		return errors.New(fetch.HostOf(s.url) + ": status " + strconv.Itoa(a.Status))
	}
	return s.take(a.Body, false)
}

// tell counts the outcome of a call, and logs it if it is another than the last. s.mu is held.
func (s *source) tell(ctx context.Context, err error) {
	switch {
	case err == nil:
		s.refreshed.Add(1)
		if s.wrong != "" {
			s.log.Info("keys can be had again", "policy", s.name, "source", fetch.HostOf(s.url))
		}
		s.wrong = ""
		return
	case ctx.Err() != nil: // closed
		return
	}
	s.failed.Add(1)
	if s.wrong == err.Error() {
		return
	}
	s.wrong = err.Error()
	if s.keys.Load() == nil {
		s.log.Error("no keys can be had, tokens are refused until some can", "policy", s.name, "source", fetch.HostOf(s.url), "error", s.wrong)
		return
	}
	s.log.Error("keys can't be refreshed, those that were good stay", "policy", s.name, "source", fetch.HostOf(s.url), "error", s.wrong)
}

// ask has the keys asked for again because a token needs one that is not there. It returns what is closed when the call
// has ended, or nil if a token had them asked for too short a time ago, or keys come from nowhere. Calls that were due
// anyway don't count: an issuer may rotate right behind one.
func (s *source) ask() <-chan struct{} {
	if s.client == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil || s.over {
		return s.ended
	}
	now := time.Now()
	if since := now.Sub(s.asked); !s.asked.IsZero() && since >= 0 && since < s.apart {
		return nil
	}
	s.asked, s.ended = now, make(chan struct{})
	select {
	case s.nudge <- struct{}{}:
	default: // one is due already
	}
	return s.ended
}
