package health

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"weir/lb"
)

const (
	// rateInterval is the time over which success rates are compared.
	rateInterval = 10 * time.Second
	// maxStreaks is how many rows of errors wait to be judged. One that finds no room is dropped:
	// the next multiple of its length reports it again.
	maxStreaks = 1024
	// restFactor keeps the judging of rows to a twentieth of one core, however many errors there
	// are, and leastRest to a thousand times a second.
	restFactor = 19
	leastRest  = time.Millisecond
)

// Outliers ejects endpoints that traffic itself shows to be unfit, by rows of errors and by rates
// of success, and lets them return. All methods are safe for concurrent use.
type Outliers struct {
	registry *lb.Registry
	log      *slog.Logger
	changed  func(Change)
	streaks  chan streak
	dropped  atomic.Uint64
	wake     chan struct{} // the time of the next return may have changed

	mu    sync.Mutex
	peers map[string]*peers // by upstream
	news  []news            // to be told once the mutex is free
}

// streak is a row of errors that lb has seen.
type streak struct {
	endpoint *lb.Endpoint
	slot     int
}

// news is a change that is still to be told.
type news struct {
	change Change
	text   string
}

// NewOutliers returns what ejects endpoints through registry and logs each ejection once. It takes
// the registry's OnStreak. changed, which may be nil, is told of every ejection and its end; it
// must not block.
func NewOutliers(registry *lb.Registry, log *slog.Logger, changed func(Change)) (*Outliers, error) {
	if registry == nil || log == nil {
		return nil, errors.New("health: outliers need a registry and a log")
	}
	o := &Outliers{
		registry: registry,
		log:      log,
		changed:  changed,
		streaks:  make(chan streak, maxStreaks),
		wake:     make(chan struct{}, 1),
		peers:    make(map[string]*peers),
	}
	registry.OnStreak(o.note)
	return o, nil
}

// note is called by the uses of endpoints. It never blocks or allocates.
func (o *Outliers) note(e *lb.Endpoint, slot int) {
	select {
	case o.streaks <- streak{e, slot}:
	default:
		o.dropped.Add(1)
	}
}

// Adopt takes the upstreams of a snapshot that was just published, in place of those before. An
// endpoint that they share keeps its ejection and the count of its ejections. Endpoints whose
// upstream ejects nobody any more return; of those that are no longer named nothing is kept.
// Endpoints that discovery adds are taken in without a call.
func (o *Outliers) Adopt(targets []Target) {
	o.mu.Lock()
	before := o.peers
	o.peers = make(map[string]*peers, len(targets))
	for _, t := range targets {
		if t.Outliers.off() {
			o.readmit(endpointsOf(t.Upstream.View().Members()))
			continue
		}
		name := t.Upstream.Name()
		p := before[name]
		if p == nil {
			p = &peers{}
		}
		p.upstream, p.config = t.Upstream, *t.Outliers
		o.readmit(p.sync())
		p.shorten()
		o.peers[name] = p
	}
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// readmit takes back what traffic has said of endpoints that nothing is known of (any more).
func (o *Outliers) readmit(list []*lb.Endpoint) {
	list = slices.DeleteFunc(list, func(e *lb.Endpoint) bool { return e.Says(lb.ByTraffic) != lb.Ejected })
	if len(list) > 0 {
		o.registry.Judge(lb.ByTraffic, lb.Ready, "", list...)
	}
}

func endpointsOf(members []lb.Member) []*lb.Endpoint {
	list := make([]*lb.Endpoint, len(members))
	for i := range members {
		list[i] = members[i].Endpoint
	}
	return list
}

// Run judges until ctx ends: rows of errors when they are reported, rates of success every 10 s,
// and ends ejections when their time has come. Calling it again goes on where it stopped; calling
// it twice at once is wrong.
func (o *Outliers) Run(ctx context.Context) {
	next := time.Now().Add(rateInterval) // for rates
	var again []streak                   // rows to be looked at again soon
	var rested time.Time                 // from when on rows may be judged again
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		if !now.Before(next) {
			o.judgeRates(now)
			next = now.Add(rateInterval)
		}
		wait, in := min(o.release(now), next.Sub(now)), o.streaks
		if rest := rested.Sub(now); rest > 0 {
			wait, in = min(wait, rest), nil
		}
		if len(again) > 0 {
			wait = min(wait, lookAgain)
		}
		timer.Reset(wait)
		select {
		case s := <-in:
			again, rested = o.judgeRows(o.collect(append(again, s)))
		case <-timer.C:
			if len(again) > 0 && in != nil {
				again, rested = o.judgeRows(again)
			}
		case <-o.wake:
		case <-ctx.Done():
			return
		}
	}
}

// collect adds the rows of errors that wait.
func (o *Outliers) collect(rows []streak) []streak {
	for len(rows) < maxStreaks {
		select {
		case s := <-o.streaks:
			rows = append(rows, s)
		default:
			return rows
		}
	}
	return rows
}

// release ends the ejections whose time has come and returns the time until the next one ends.
func (o *Outliers) release(now time.Time) time.Duration {
	wait := rateInterval
	o.mu.Lock()
	for _, p := range o.peers {
		for _, r := range slices.Clone(p.out) {
			if left := r.until.Sub(now); left > 0 {
				wait = min(wait, left)
				continue
			}
			o.readmitOne(p, r, now, "its time is over")
		}
	}
	o.unlockAndTell()
	return wait
}

// pardon ends the ejection of an endpoint that has failed a probe and passed several since, if
// that may be believed.
func (o *Outliers) pardon(e *lb.Endpoint, failed time.Time) {
	o.mu.Lock()
	if p := o.peers[e.Upstream()]; p != nil {
		if r := p.records[e]; r != nil && r.pardonable(failed, p.config.BaseEjection.Value()) {
			now := time.Now()
			r.pardoned = now
			p.stats.Pardoned++
			o.readmitOne(p, r, now, "it passes its probes again")
		}
	}
	o.unlockAndTell()
}

// unlockAndTell gives the mutex back and then tells what has happened under it.
func (o *Outliers) unlockAndTell() {
	list := o.news
	o.news = nil
	o.mu.Unlock()
	for _, n := range list {
		level, e := slog.LevelInfo, n.change.Endpoint
		if n.change.State == lb.Ejected {
			level = slog.LevelWarn
		}
		o.log.Log(context.Background(), level, n.text,
			"upstream", e.Upstream(), "endpoint", e.Address(), "state", e.State().String())
		if o.changed != nil {
			o.changed(n.change)
		}
	}
}

// judgeRows judges rows of errors, those of one upstream and slot together. It returns those that
// must be looked at again, and from when on it may be called again.
func (o *Outliers) judgeRows(rows []streak) (again []streak, rested time.Time) {
	type court struct {
		peers *peers
		slot  int
	}
	now := time.Now()
	o.mu.Lock()
	cases := make(map[court][]*record)
	for _, s := range rows {
		p := o.peers[s.endpoint.Upstream()]
		if p == nil {
			continue
		}
		o.readmit(p.sync())
		at := court{p, s.slot}
		if r := p.records[s.endpoint]; r != nil && !slices.Contains(cases[at], r) {
			cases[at] = append(cases[at], r)
		}
	}
	for at, list := range cases {
		out, doubtful := at.peers.failing(at.slot, list, now)
		again = append(again, doubtful...)
		o.eject(at.peers, out, now)
	}
	o.unlockAndTell()
	end := time.Now()
	return again, end.Add(max(leastRest, restFactor*end.Sub(now)))
}

// judgeRates compares the rates of success within each upstream.
func (o *Outliers) judgeRates(now time.Time) {
	o.mu.Lock()
	for _, p := range o.peers {
		o.readmit(p.sync())
		o.eject(p, p.lagging(), now)
	}
	o.unlockAndTell()
}
