package clients

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"weir/bench"
)

// fakeLink is a connection that can be declared dead.
type fakeLink struct{ dead, closed atomic.Bool }

func (l *fakeLink) usable() bool { return !l.dead.Load() }
func (l *fakeLink) close()       { l.closed.Store(true) }

// fakeLane returns a lane, and all links that it has dialled.
func fakeLane() (*lane[*fakeLink], func() []*fakeLink) {
	var mu sync.Mutex
	var all []*fakeLink
	l := &lane[*fakeLink]{dial: func(context.Context) (*fakeLink, error) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, &fakeLink{})
		return all[len(all)-1], nil
	}}
	return l, func() []*fakeLink {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// fine is a request that succeeds.
func fine(*fakeLink) error { return nil }

func TestALaneCountsWhyItDialled(t *testing.T) {
	broken := errors.New("broken")
	for _, d := range []struct {
		name             string
		first            func(*fakeLink) error // the request before
		dies             bool                  // the connection, behind it
		opened, reopened bool
	}{
		{"a live connection is used again", fine, false, false, false},
		{"one that ended while idle is a redial", fine, true, true, true},
		{"one that ended under a request is not", func(l *fakeLink) error { l.dead.Store(true); return broken }, true, true, false},
		{"a failure alone ends no connection", func(*fakeLink) error { return broken }, false, false, false},
	} {
		l, dialled := fakeLane()
		l.join()
		var a bench.Answer
		l.do(t.Context(), &a, d.first)
		if !a.Opened || a.Reopened {
			t.Errorf("%s: the first request: %+v", d.name, a)
		}
		dialled()[0].dead.Store(d.dies)
		a = bench.Answer{}
		if err := l.do(t.Context(), &a, fine); err != nil || a.Opened != d.opened || a.Reopened != d.reopened {
			t.Errorf("%s: %+v, %v; want opened %v, reopened %v", d.name, a, err, d.opened, d.reopened)
		}
		l.leave()
		for i, link := range dialled() {
			if !link.closed.Load() {
				t.Errorf("%s: connection %d was left open", d.name, i)
			}
		}
	}
}

func TestWhatWasNotProcessedGoesAgainWhereOthersWereServed(t *testing.T) {
	l, dialled := fakeLane()
	l.join()
	defer l.leave()
	calls := 0
	refuseFirst := func(*fakeLink) error {
		if calls++; calls == 1 {
			return &unprocessed{io.EOF}
		}
		return nil
	}
	var a bench.Answer
	if err := l.do(t.Context(), &a, refuseFirst); !errors.Is(err, io.EOF) || calls != 1 || a.Reopened {
		t.Errorf("refused on a new connection: %v after %d calls, %+v; want the refusal", err, calls, a)
	}
	if err := l.do(t.Context(), &a, fine); err != nil {
		t.Fatal(err)
	}
	a, calls = bench.Answer{}, 0
	if err := l.do(t.Context(), &a, refuseFirst); err != nil || calls != 2 || !a.Opened || !a.Reopened {
		t.Errorf("refused on a connection that had served: %v after %d calls, %+v; want a second, on a new one", err, calls, a)
	}
	if all := dialled(); len(all) != 3 || !all[0].closed.Load() || !all[1].closed.Load() || all[2].closed.Load() {
		t.Errorf("%d connections; want 3, the last open", len(all))
	}
}

func TestAFreshLaneKeepsNothing(t *testing.T) {
	l, dialled := fakeLane()
	l.fresh = true
	l.join()
	defer l.leave()
	for n, result := range []error{nil, io.EOF, &unprocessed{io.EOF}, nil} {
		var a bench.Answer
		err := l.do(t.Context(), &a, func(*fakeLink) error { return result })
		if err != result || !a.Opened || a.Reopened || len(dialled()) != n+1 || !dialled()[n].closed.Load() {
			t.Errorf("request %d: %v, %+v, %d connections; want %v and one more, closed", n, err, a, len(dialled()), result)
		}
	}
}

func TestManyWorkersWaitForOneDial(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	var dials, opened atomic.Int64
	l := &lane[*fakeLink]{dial: func(context.Context) (*fakeLink, error) {
		if dials.Add(1) == 1 {
			close(started)
		}
		<-release
		return &fakeLink{}, nil
	}}
	var all sync.WaitGroup
	for range 20 {
		l.join()
		all.Go(func() {
			var a bench.Answer
			if err := l.do(t.Context(), &a, fine); err != nil {
				t.Error(err)
			}
			if a.Opened {
				opened.Add(1)
			}
			l.leave()
		})
	}
	<-started
	close(release)
	all.Wait()
	if dials.Load() != opened.Load() || dials.Load() < 1 {
		t.Errorf("%d dials, %d requests say they opened one", dials.Load(), opened.Load())
	}
}

func TestAFailedDialFailsThoseThatWait(t *testing.T) {
	refused := &bench.ConnectError{Cause: io.EOF}
	started, release := make(chan struct{}), make(chan struct{})
	l := &lane[*fakeLink]{dial: func(context.Context) (*fakeLink, error) {
		close(started)
		<-release
		return nil, refused
	}}
	ask := func(ctx context.Context) <-chan error {
		over := make(chan error, 1)
		go func() {
			var a bench.Answer
			over <- l.do(ctx, &a, fine)
			if a.Opened {
				t.Error("a failed dial counts as opened")
			}
		}()
		return over
	}
	first := ask(t.Context())
	<-started
	impatient, leave := context.WithCancel(t.Context())
	second := ask(impatient)
	leave()
	if err := <-second; bench.KindOf(err) != bench.Connect {
		t.Errorf("who gave up waiting: %v; want a connect failure", err)
	}
	close(release)
	if err := <-first; err != error(refused) {
		t.Errorf("who dialled: %v", err)
	}
}

func TestARetiredConnectionClosesBehindItsLastRequest(t *testing.T) {
	l, dialled := fakeLane()
	l.join()
	defer l.leave()
	under, release := make(chan struct{}), make(chan struct{})
	over := make(chan error, 1)
	go func() {
		var a bench.Answer
		over <- l.do(context.Background(), &a, func(*fakeLink) error {
			close(under)
			<-release
			return nil
		})
	}()
	<-under
	old := dialled()[0]
	old.dead.Store(true) // takes no more, as behind GOAWAY
	var a bench.Answer
	if err := l.do(t.Context(), &a, fine); err != nil || !a.Opened {
		t.Errorf("%+v, %v", a, err)
	}
	if old.closed.Load() {
		t.Error("closed under a request")
	}
	close(release)
	if err := <-over; err != nil || !old.closed.Load() {
		t.Errorf("%v, closed %v", err, old.closed.Load())
	}
}

func TestWorkersShareByTheirNumber(t *testing.T) {
	_, h2 := h2Server(t, false, newOrigin())
	_, h3 := h3Server(t, newOrigin(), nil)
	_, raw := rawServer(t, nil)
	for _, d := range []struct {
		make    func(Config) (Protocol, error)
		cfg     Config
		request bench.Request
	}{
		{HTTP2, h2, get("/")}, {HTTP3, h3, get("/")}, {GRPC, Config{Target: "grpc://" + raw}, post("/test.Raw/Echo", "")},
	} {
		d.cfg.Connections = 2
		p, err := d.make(d.cfg)
		if err != nil {
			t.Fatal(err)
		}
		for n, opens := range []bool{true, true, false, false, false} {
			if a := mustAsk(t, worker(t, p, n), d.request); a.Opened != opens {
				t.Errorf("%s: worker %d of 5 on 2: opened %v", p.Name, n, a.Opened)
			}
		}
	}
}

func TestAProtocolServesOneRunAfterTheOther(t *testing.T) {
	s, cfg := h2Server(t, false, newOrigin())
	p, err := HTTP2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		r := run(t, p, bench.Config{Target: cfg.Target, Workers: 2, Requests: 20})
		if r.OK != 20 || r.Opened != 1 || r.Redials != 0 || s.accepted.Load() != int64(n+1) {
			t.Errorf("run %d: ok %d, opened %d, redials %d, %v", n, r.OK, r.Opened, r.Redials, r.FirstFailures)
		}
	}
}
