package serve

import (
	"testing"

	"weir/http7"
)

// TestStep is send's table: what each event leads to, in each state that matters.
func TestStep(t *testing.T) {
	t.Parallel()
	all := &Retry{Attempts: 2, On: OnConnect | OnReset | OnTimeout | On502 | On503 | On504, Methods: []string{"GET"}}
	connect := &Retry{Attempts: 2, On: OnConnect, Methods: []string{"GET"}}
	none := &Retry{On: OnConnect, Methods: []string{"GET"}}
	failed := func(f *http7.Fault) event { return event{kind: evFault, fault: f, replayable: true} }
	lost := func(f *http7.Fault) event { return event{kind: evFault, fault: f} }
	head := func(status int) event { return event{kind: evHead, status: status, replayable: true} }
	nobody := event{kind: evNone, fault: http7.NoEndpoints}
	start := event{kind: evStart}

	for _, c := range []struct {
		name   string
		retry  *Retry
		method string
		events []event
		want   []action
		fault  *http7.Fault
	}{
		{"an answer", all, "GET", []event{start, head(200)}, []action{pick, keep}, nil},
		{"nobody there", all, "GET", []event{start, nobody}, []action{pick, fail}, http7.NoEndpoints},
		{"refused, then an answer", all, "GET", []event{start, failed(http7.ConnectRefused), head(200)}, []action{pick, pick, keep}, nil},
		{"refused by all", all, "GET", []event{start, failed(http7.ConnectRefused), nobody}, []action{pick, pick, fail}, http7.ConnectRefused},
		{"refused once too often", all, "GET", []event{start, failed(http7.ConnectRefused), failed(http7.ConnectTimeout), failed(http7.ConnectRefused)}, []action{pick, pick, pick, fail}, http7.ConnectRefused},
		{"no attempts", none, "GET", []event{start, failed(http7.ConnectRefused)}, []action{pick, fail}, http7.ConnectRefused},
		{"POST that could not connect", all, "POST", []event{start, failed(http7.ConnectRefused)}, []action{pick, pick}, nil},
		{"POST that was reset", all, "POST", []event{start, failed(http7.UpstreamReset)}, []action{pick, fail}, http7.UpstreamReset},
		{"reset", all, "GET", []event{start, failed(http7.UpstreamReset), head(200)}, []action{pick, pick, keep}, nil},
		{"reset, not asked for", connect, "GET", []event{start, failed(http7.UpstreamReset)}, []action{pick, fail}, http7.UpstreamReset},
		{"reset, body gone", all, "GET", []event{start, lost(http7.UpstreamReset)}, []action{pick, fail}, http7.UpstreamReset},
		{"connect, body gone", all, "GET", []event{start, lost(http7.ConnectRefused)}, []action{pick, fail}, http7.ConnectRefused},
		{"timeout", all, "GET", []event{start, failed(http7.UpstreamTimeout), head(200)}, []action{pick, pick, keep}, nil},
		{"bad answer", all, "GET", []event{start, failed(http7.BadStatusLine)}, []action{pick, fail}, http7.BadStatusLine},
		{"the client left", all, "GET", []event{start, failed(http7.ClientLeft)}, []action{pick, fail}, http7.ClientLeft},
		{"the client's body is bad", all, "GET", []event{start, failed(http7.BadChunk)}, []action{pick, fail}, http7.BadChunk},
		{"stale", connect, "GET", []event{start, failed(http7.UpstreamStale), head(200)}, []action{pick, acquire, keep}, nil},
		{"stale is outside the count", none, "GET", []event{start, failed(http7.UpstreamStale), head(200)}, []action{pick, acquire, keep}, nil},
		{"stale twice", connect, "GET", []event{start, failed(http7.UpstreamStale), failed(http7.UpstreamStale)}, []action{pick, acquire, fail}, http7.UpstreamStale},
		{"stale, POST", connect, "POST", []event{start, failed(http7.UpstreamStale)}, []action{pick, fail}, http7.UpstreamStale},
		{"stale, body gone", connect, "GET", []event{start, lost(http7.UpstreamStale)}, []action{pick, fail}, http7.UpstreamStale},
		{"stale on each of two endpoints", all, "GET", []event{start, failed(http7.UpstreamStale), failed(http7.UpstreamReset), failed(http7.UpstreamStale), head(200)}, []action{pick, acquire, pick, acquire, keep}, nil},
		{"503, then an answer", all, "GET", []event{start, head(503), head(200)}, []action{pick, pick, keep}, nil},
		{"502 and 504", all, "GET", []event{start, head(502), head(504), head(503)}, []action{pick, pick, pick, keep}, nil},
		{"503, not asked for", connect, "GET", []event{start, head(503)}, []action{pick, keep}, nil},
		{"503, POST", all, "POST", []event{start, head(503)}, []action{pick, keep}, nil},
		{"503, nobody else", all, "GET", []event{start, head(503), nobody}, []action{pick, pick, keep}, nil},
		{"503, then refused, then nobody", all, "GET", []event{start, head(503), failed(http7.ConnectRefused), nobody}, []action{pick, pick, pick, fail}, http7.ConnectRefused},
		{"500 is an answer", all, "GET", []event{start, head(500)}, []action{pick, keep}, nil},
	} {
		s := newSending(c.retry, []byte(c.method))
		for i, ev := range c.events {
			if got := s.step(ev); got != c.want[i] {
				t.Errorf("%s: step %d is %d, want %d", c.name, i, got, c.want[i])
			}
		}
		if c.want[len(c.want)-1] == fail && s.fault != c.fault {
			t.Errorf("%s: fault %v, want %v", c.name, s.fault, c.fault)
		}
	}
}

func TestAFreshConnectionIsDemandedOnlyBehindAStaleOne(t *testing.T) {
	t.Parallel()
	s := newSending(&Retry{Attempts: 2, On: OnReset, Methods: []string{"GET"}}, []byte("GET"))
	s.step(event{kind: evStart})
	if s.fresh {
		t.Error("the first attempt may use an idle connection")
	}
	s.step(event{kind: evFault, fault: http7.UpstreamStale, replayable: true})
	if !s.fresh {
		t.Error("the repetition must not meet another stale connection")
	}
	s.step(event{kind: evFault, fault: http7.UpstreamReset, replayable: true})
	if s.fresh {
		t.Error("another endpoint may use an idle connection")
	}
}
