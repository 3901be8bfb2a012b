package obs

import (
	"context"
	"io"
	"log/slog"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

const (
	// blockSize is what one write to the sink carries at most, save for a line longer than itself.
	blockSize = 64 << 10
	// handOver leaves room behind it for a usual line, so that a block rarely grows.
	handOver = blockSize - 4<<10
	// maxBlocks bounds the memory of lines not yet written: 64 × 64 KiB = 4 MiB.
	maxBlocks = 64
	// flushEvery is half of the promised 200 ms: the other half is the sink's.
	flushEvery = 100 * time.Millisecond
)

// AccessLog writes records as lines of JSON, off the path of requests. Lines are encoded into
// blocks of memory and written by one goroutine, [AccessLog.Run], at the latest 200 ms later. When the
// sink is slow or full, lines are dropped and counted; nobody waits. Lines may change places within
// those 200 ms: ts orders them.
//
// There is one for the life of the process: a reload changes its path and sampling in place, so that
// exchanges of a retired snapshot lose no line. All methods but Run are safe for concurrent use.
// A nil *AccessLog is one that is off.
type AccessLog struct {
	stdout io.Writer
	keep   atomic.Pointer[keep]
	path   atomic.Pointer[string] // asked for last
	next   atomic.Pointer[target] // where the writer goes on, if not nil
	sink   sink                   // the writer's own
	shards []shard
	full   chan *block // room for every block: sending never blocks
	free   chan *block
	made   atomic.Int32 // blocks made so far

	written *metrics.Counter
	dropped *metrics.Counter
}

// block is a stretch of whole lines.
type block struct {
	b     []byte
	lines int
}

// shard is one of the places where lines are gathered. Its lock is held for one encoding.
type shard struct {
	mu     sync.Mutex
	block  *block
	closed bool
	_      [40]byte // a cache line of its own
}

// AccessLogNeeds is what an access log takes from outside.
type AccessLogNeeds struct {
	Stdout    io.Writer    // where path "-" goes; never closed
	Catalogue *Catalogue   // counts lines written and dropped
	Log       *slog.Logger // told once when the sink fails and once when it works again
}

// NewAccessLog opens cfg's path and returns a log that gathers lines; they are written while Run
// runs. With path "" it is off until a change. The caller must call Run or Close.
func NewAccessLog(cfg AccessLogConfig, needs AccessLogNeeds) (*AccessLog, error) {
	l, err := newLog("access log", cfg.Path, needs)
	if err == nil {
		l.written, l.dropped = needs.Catalogue.logLines, needs.Catalogue.logDropped
		l.keep.Store(newKeep(cfg))
	}
	return l, err
}

// newLog opens a log's path; what names the log.
func newLog(what, path string, needs AccessLogNeeds) (*AccessLog, error) {
	at, err := openTarget(what, path, needs.Stdout)
	if err != nil {
		return nil, err
	}
	l := &AccessLog{
		stdout: needs.Stdout,
		shards: make([]shard, 1<<bits.Len(uint(2*runtime.GOMAXPROCS(0)-1))),
		full:   make(chan *block, maxBlocks),
		free:   make(chan *block, maxBlocks),
	}
	l.sink = sink{what: what, log: needs.Log, at: at}
	l.path.Store(&path)
	return l, nil
}

// AccessLogChange is a change of a log's config that can no longer fail. Either Publish or Undo
// must be called, once.
type AccessLogChange struct {
	log  *AccessLog
	keep *keep
	at   *target // nil: the path stays
}

// Prepare opens what cfg needs and changes nothing yet.
func (l *AccessLog) Prepare(cfg AccessLogConfig) (*AccessLogChange, error) {
	c, err := l.change(cfg.Path)
	c.keep = newKeep(cfg)
	return c, err
}

// change opens path unless it stays the same.
func (l *AccessLog) change(path string) (c *AccessLogChange, err error) {
	c = &AccessLogChange{log: l}
	if path != *l.path.Load() {
		c.at, err = openTarget(l.sink.what, path, l.stdout)
	}
	return c, err
}

// Publish makes the change and does not wait: lines that were not written yet go to the new path,
// or are dropped and counted if the log is off now.
func (c *AccessLogChange) Publish() {
	c.log.keep.Store(c.keep)
	if c.at != nil {
		c.log.path.Store(&c.at.path)
		c.log.goOn(c.at)
	}
}

// Undo closes what Prepare has opened.
func (c *AccessLogChange) Undo() {
	// Nothing was written to it: a failing close loses nothing.
	_ = c.at.close()
}

// goOn tells the writer to use t from its next block on.
func (l *AccessLog) goOn(t *target) {
	// A target that the writer never came to was never written to.
	_ = l.next.Swap(t).close()
}

// Write encodes r unless sampling leaves it out. It neither blocks on the sink nor allocates, but
// for the first blocks and for lines beyond a block's room. Views in r are not kept.
func (l *AccessLog) Write(r *Record) {
	if l == nil || !l.keep.Load().wants(r.Status, r.Duration) {
		return
	}
	s := l.lock()
	defer s.mu.Unlock()
	if b := l.room(s); b != nil {
		b.b = appendRecord(b.b, r)
		l.added(s)
	}
}

// room returns the block that a line may be appended to, nil if there is none; then the line is counted as dropped. Call
// with s locked.
func (l *AccessLog) room(s *shard) *block {
	if s.block == nil && !s.closed {
		s.block = l.take()
	}
	if s.block == nil {
		l.dropped.Inc()
	}
	return s.block
}

// added notes that the block of s has one more line.
func (l *AccessLog) added(s *shard) {
	b := s.block
	b.lines++
	if len(b.b) >= handOver {
		s.block = nil
		l.full <- b
	}
}

// lock returns a locked shard, a free one if there is any.
func (l *AccessLog) lock() *shard {
	n := uint(len(l.shards))
	at := uint(rand.Uint32())
	for i := range n {
		if s := &l.shards[(at+i)%n]; s.mu.TryLock() {
			return s
		}
	}
	s := &l.shards[at%n]
	s.mu.Lock()
	return s
}

// take returns an empty block, or nil if all are on their way to the sink.
func (l *AccessLog) take() *block {
	select {
	case b := <-l.free:
		return b
	default:
	}
	if l.made.Add(1) > maxBlocks {
		l.made.Add(-1)
		return nil
	}
	return &block{b: make([]byte, 0, blockSize)}
}

// give takes a written block back. One that a long line has made grow goes to the collector.
func (l *AccessLog) give(b *block) {
	if cap(b.b) > 2*blockSize {
		l.made.Add(-1)
		return
	}
	b.b, b.lines = b.b[:0], 0
	l.free <- b
}

// Run writes what is gathered until ctx ends, then writes the rest and closes the sink. Lines that
// come later are dropped and counted. It may outlast ctx by as long as the sink blocks.
// Call it once, on a goroutine of its own.
func (l *AccessLog) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case b := <-l.full:
			l.put(b)
		case <-tick.C:
			l.sweep(false)
			l.follow() // an idle log lets go of a rotated file too
		case <-ctx.Done():
			l.sweep(true)
			l.Close()
			return
		}
	}
}

// sweep writes the full blocks, then those that the shards have begun.
func (l *AccessLog) sweep(last bool) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		b := s.block
		s.block, s.closed = nil, last
		if b != nil {
			l.full <- b
		}
		s.mu.Unlock()
	}
	for {
		select {
		case b := <-l.full:
			l.put(b)
		default:
			return
		}
	}
}

// put writes a block and counts its lines as written or dropped.
func (l *AccessLog) put(b *block) {
	l.follow()
	lost := l.sink.put(b.b, b.lines)
	l.written.Add(b.lines - lost)
	l.dropped.Add(lost)
	l.give(b)
}

// follow takes up a new target.
func (l *AccessLog) follow() {
	if t := l.next.Swap(nil); t != nil {
		l.sink.use(t)
	}
}

// Reopen opens the log's file anew, for after a rotation, and does not wait: lines that were not
// written yet go to the new file. If it can't be opened, the old one stays in use.
func (l *AccessLog) Reopen() error {
	if l == nil {
		return nil
	}
	at, err := openTarget(l.sink.what, *l.path.Load(), l.stdout)
	if err == nil {
		l.goOn(at)
	}
	return err
}

// Close closes the file of a log that will not be run; Run does so at its own end.
func (l *AccessLog) Close() {
	if l != nil {
		l.follow()
		l.sink.use(&target{})
	}
}
