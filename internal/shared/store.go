package shared

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/conf"
)

const (
	// probeEvery is how often a server that does not answer is tried again.
	probeEvery = 200 * time.Millisecond
	// sweepEvery is how often a part of the keys is looked through for those that nobody uses.
	sweepEvery = time.Second
	// lineLength is how many keys may wait to be asked for, batchSize how many are asked for at once.
	lineLength = 1 << 13
	batchSize  = 256
	// connectTime is how long it may take to connect, parting how long to give back what is held at the end.
	connectTime = time.Second
	parting     = 200 * time.Millisecond
)

// Store is a node's share in what all nodes have in common. Its methods are safe for concurrent use.
type Store struct {
	config Config
	server *server
	log    *slog.Logger
	now    func() time.Time
	begun  time.Time
	line   chan *entry
	down   atomic.Bool

	mu     sync.Mutex
	tables map[string]*table
	swept  int // the part that was looked through last; Run's own

	asked, failed, late, alone *atomic.Uint64

	closing context.CancelFunc
	closed  context.Context
}

// Needs is what a store gets. All of it may be absent.
type Needs struct {
	// TLS is for servers that are spoken to over TLS; nil trusts the system's authorities.
	TLS *tls.Config
	Log *slog.Logger
	// Counted returns the counter of an event: "asked", "failed", "late" and "alone", see [Stats].
	Counted func(event string) *atomic.Uint64
}

// New returns a store of c. It connects to nobody until Run.
func New(c Config, needs Needs) (*Store, error) {
	problems := conf.NewProblems()
	if c.Check(problems); problems.Failed() {
		return nil, errors.New("shared: " + problems.List()[0].Text)
	}
	server, err := newServer(&c, needs.TLS)
	if err != nil {
		return nil, err
	}
	return newStore(c, server, needs, time.Now), nil
}

func newStore(c Config, server *server, needs Needs, now func() time.Time) *Store {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	if needs.Counted == nil {
		needs.Counted = func(string) *atomic.Uint64 { return new(atomic.Uint64) }
	}
	s := &Store{
		config: c, server: server, log: needs.Log, now: now, begun: now(), line: make(chan *entry, lineLength), tables: map[string]*table{},
		asked: needs.Counted("asked"), failed: needs.Counted("failed"), late: needs.Counted("late"), alone: needs.Counted("alone"),
	}
	s.closed, s.closing = context.WithCancel(context.Background())
	return s
}

// shut reports whether nothing is admitted since the server does not answer: not by what the node still holds either.
func (s *Store) shut() bool { return s.down.Load() && s.config.OnFailure == onClosed }

// tableOf returns the keys of the limit called name.
func (s *Store) tableOf(name string) *table {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[name]
	if t == nil {
		t = newTable(mostKeys)
		s.tables[name] = t
	}
	return t
}

// since returns the time since the store began, counted from 1 ns: 0 is never.
func (s *Store) since(now time.Time) time.Duration { return now.Sub(s.begun) + 1 }

// ask puts e in the line of keys to be asked for, unless it is there. It reports false if the line is full, or the
// server does not answer.
func (s *Store) ask(e *entry) bool {
	if s.down.Load() {
		return false
	}
	if !e.busy.CompareAndSwap(false, true) {
		return true
	}
	select {
	case s.line <- e:
		return true
	default:
		e.busy.Store(false)
		return false
	}
}

// Close ends Run. Requests that still ask are decided without the server.
func (s *Store) Close() { s.closing() }

// Run asks the server for what the node needs, until ctx ends or the store is closed. Then it gives back what the node
// holds. It is called once.
func (s *Store) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.closed, cancel)()
	defer s.server.close()
	s.probe(ctx)
	probes, sweeps := time.NewTicker(probeEvery), time.NewTicker(sweepEvery)
	defer probes.Stop()
	defer sweeps.Stop()
	for {
		select {
		case <-ctx.Done():
			s.part()
			return
		case e := <-s.line:
			s.serve(ctx, s.batch(e))
		case <-probes.C:
			if s.down.Load() {
				s.probe(ctx)
			}
		case <-sweeps.C:
			s.sweep(ctx)
		}
	}
}

// batch returns first and what else is in the line, up to a batch.
func (s *Store) batch(first *entry) []*entry {
	batch := append(make([]*entry, 0, min(batchSize, 1+len(s.line))), first)
	for len(batch) < batchSize {
		select {
		case e := <-s.line:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// serve asks for a batch, and tells who waits.
func (s *Store) serve(ctx context.Context, batch []*entry) {
	// An answer that nobody waits for any more would be tokens lost: ctx's end waits for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Timeout.Value())
	defer cancel()
	at := s.since(s.now())
	wishes := make([]wish, 0, len(batch))
	for _, e := range batch {
		if w, ok := e.wish(at); ok {
			wishes = append(wishes, w)
		}
	}
	if len(wishes) == 0 {
		return
	}
	s.asked.Add(uint64(len(wishes)))
	grants, err := s.server.ask(ctx, s.config.Prefix, wishes)
	now := s.now()
	if err != nil {
		s.lose(err)
		for i := range wishes {
			wishes[i].of.fail(now)
		}
		return
	}
	for i := range wishes {
		if wishes[i].of.settle(wishes[i], grants[i], now) {
			s.ask(wishes[i].of)
		}
	}
}

// lose notes that the server does not answer.
func (s *Store) lose(err error) {
	s.failed.Add(1)
	if s.down.Swap(true) {
		return
	}
	s.log.Warn("the server of shared limits does not answer", "on_failure", s.config.OnFailure, "error", err.Error())
}

// probe asks the server for something, so that it may count as answering.
func (s *Store) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	err := s.server.connect(ctx)
	if err == nil { // it may have to learn the script first, which takes more than one answer
		_, err = s.server.ask(ctx, s.config.Prefix, []wish{s.trial()})
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, s.config.Timeout.Value())
		defer cancel()
		_, err = s.server.ask(ctx, s.config.Prefix, []wish{s.trial()})
	}
	switch {
	case err != nil:
		s.lose(err)
		s.server.forsake()
	case s.down.Swap(false):
		s.log.Info("the server of shared limits answers again")
	}
}

// trial is a wish that shows whether scripts run and may write.
func (s *Store) trial() wish {
	l := &Limit{of: s, name: "trial", most: 1 << 30, every: 1000}
	return wish{of: newEntry(l, ""), limit: l, need: 1}
}

// sweep looks through a part of the keys, forgets those that nobody uses, and gives back what the node holds of them.
func (s *Store) sweep(ctx context.Context) {
	s.swept = (s.swept + 1) % shards
	at := s.since(s.now())
	var holding []*entry
	for _, t := range s.all() {
		holding = append(holding, t.sweep(s.swept, at)...)
	}
	if !s.down.Load() {
		s.give(ctx, holding)
	}
}

// give asks for entries in batches, until ctx ends.
func (s *Store) give(ctx context.Context, entries []*entry) {
	for len(entries) > 0 && ctx.Err() == nil {
		n := min(batchSize, len(entries))
		s.serve(ctx, entries[:n])
		entries = entries[n:]
	}
}

// part gives back all that the node holds. From here on it decides alone.
func (s *Store) part() {
	ctx, cancel := context.WithTimeout(context.Background(), parting)
	defer cancel()
	lost := s.down.Swap(true)
	for len(s.line) > 0 {
		(<-s.line).fail(s.now())
	}
	if lost {
		return
	}
	var holding []*entry
	for _, t := range s.all() {
		t.all(func(e *entry) {
			if e.forget(0) && e.surrender() {
				holding = append(holding, e)
			}
		})
	}
	s.give(ctx, holding)
}

// all returns the tables of all limits.
func (s *Store) all() []*table {
	s.mu.Lock()
	defer s.mu.Unlock()
	tables := make([]*table, 0, len(s.tables))
	for _, t := range s.tables {
		tables = append(tables, t)
	}
	return tables
}

// Stats is what a store shows. The counts are for ever, of all stores that count together.
type Stats struct {
	// Asked are the keys that the server was asked for; Failed the times that it did not answer.
	Asked, Failed uint64
	// Late are requests that waited as long as they may; Alone those that were decided without the server, they included.
	Late, Alone uint64
	// Keys is how many keys the node knows.
	Keys int
	// Down says that the server does not answer.
	Down bool
}

// Stats returns what the store shows now.
func (s *Store) Stats() Stats {
	st := Stats{Asked: s.asked.Load(), Failed: s.failed.Load(), Late: s.late.Load(), Alone: s.alone.Load(), Down: s.down.Load()}
	for _, t := range s.all() {
		st.Keys += t.size()
	}
	return st
}
