package serve

import (
	"testing"
	"time"

	"weir/http7"
	"weir/lb"
)

const ms = int64(time.Millisecond)

// The events of the tables; the clock stands at 1 s and dice at the middle.
var (
	start   = event{kind: evStart, now: 1000 * ms}
	yes     = event{kind: evYes}
	no      = event{kind: evNo}
	waited  = event{kind: evWaited, now: 1100 * ms}
	granted = event{kind: evGranted, now: 1100 * ms}
	shed    = event{kind: evShed}
	due     = event{kind: evDue, replayable: true, now: 1050 * ms}
	out     = event{kind: evOut}
	ended   = event{kind: evEnded, fault: http7.ClientLeft}
)

func failed(f *http7.Fault) event {
	return event{kind: evFault, fault: f, replayable: true, now: 1000 * ms, dice: 0.5}
}

func lost(f *http7.Fault) event { return event{kind: evFault, fault: f, now: 1000 * ms, dice: 0.5} }

func head(status int) event {
	return event{kind: evHead, status: status, replayable: true, now: 1000 * ms, dice: 0.5}
}

// headLater is an answer that asks for some time to be left alone.
func headLater(status int, later time.Duration) event {
	ev := head(status)
	ev.later = ev.now + int64(later)
	return ev
}

func nobody(r lb.Reason) event { return event{kind: evNone, reason: r, now: 1000 * ms} }

func besideHead(status int) event { return event{kind: evBeside, status: status} }

func besideFault(f *http7.Fault) event { return event{kind: evBeside, fault: f} }

var actionNames = map[action]string{
	pick: "pick", acquire: "acquire", await: "await", askRetry: "askRetry", askHedge: "askHedge", hedge: "hedge",
	part: "part", adopt: "adopt", wait: "wait", queue: "queue", keep: "keep", fail: "fail",
}

// stepCase is one walk: what each event leads to.
type stepCase struct {
	name   string
	retry  *Retry
	method string
	limit  int64
	events []event
	want   []action
	fault  *http7.Fault // of a walk that fails
}

var (
	everything = OnConnect | OnReset | OnTimeout | On502 | On503 | On504
	all        = &Retry{Attempts: 2, On: everything, Methods: []string{"GET"}}
	slow       = &Retry{Attempts: 2, On: everything, Methods: []string{"GET"}, Backoff: 20 * time.Millisecond}
	connect    = &Retry{Attempts: 2, On: OnConnect, Methods: []string{"GET"}}
	none       = &Retry{On: everything, Methods: []string{"GET"}}
)

var stepCases = []stepCase{
	{"an answer", all, "GET", 0, []event{start, head(200)}, []action{pick, keep}, nil},
	{"nobody there", all, "GET", 0, []event{start, nobody(lb.NoEndpoint)}, []action{pick, fail}, http7.NoEndpoints},
	{"the breaker is open", all, "GET", 0, []event{start, nobody(lb.BreakerOpen)}, []action{pick, fail}, http7.BreakerOpen},
	{"500 is an answer", all, "GET", 0, []event{start, head(500)}, []action{pick, keep}, nil},
	{"no time at all", all, "GET", 1000 * ms, []event{start}, []action{fail}, http7.RouteTimeout},

	{"refused, then an answer", all, "GET", 0, []event{start, failed(http7.ConnectRefused), head(200)}, []action{pick, pick, keep}, nil},
	{"refused by all that are left", all, "GET", 0, []event{start, failed(http7.ConnectRefused), nobody(lb.NoEndpoint)}, []action{pick, pick, fail}, http7.ConnectRefused},
	{"refused once too often", all, "GET", 0, []event{start, failed(http7.ConnectRefused), failed(http7.ConnectTimeout), yes, failed(http7.ConnectRefused)}, []action{pick, pick, askRetry, pick, fail}, http7.ConnectRefused},
	{"no attempts", none, "GET", 0, []event{start, failed(http7.ConnectRefused)}, []action{pick, fail}, http7.ConnectRefused},
	{"the budget is spent", all, "GET", 0, []event{start, failed(http7.ConnectTimeout), no}, []action{pick, askRetry, fail}, http7.ConnectTimeout},
	{"a budget that is spent is no matter where nobody was burdened", all, "GET", 0, []event{start, failed(http7.UpstreamReset), yes, failed(http7.ConnectRefused), failed(http7.UpstreamReset)}, []action{pick, askRetry, pick, pick, fail}, http7.UpstreamReset},
	{"POST that could not connect", all, "POST", 0, []event{start, failed(http7.ConnectRefused)}, []action{pick, pick}, nil},
	{"POST that was reset", all, "POST", 0, []event{start, failed(http7.UpstreamReset)}, []action{pick, fail}, http7.UpstreamReset},
	{"reset", all, "GET", 0, []event{start, failed(http7.UpstreamReset), yes, head(200)}, []action{pick, askRetry, pick, keep}, nil},
	{"POST that was refused", all, "POST", 0, []event{start, failed(http7.UpstreamRefused), head(200)}, []action{pick, acquire, keep}, nil},
	{"POST that was refused twice", all, "POST", 0, []event{start, failed(http7.UpstreamRefused), failed(http7.UpstreamRefused), yes, head(200)}, []action{pick, acquire, askRetry, pick, keep}, nil},
	{"refused, body gone", all, "GET", 0, []event{start, lost(http7.UpstreamRefused)}, []action{pick, fail}, http7.UpstreamRefused},
	{"GET that was to calm down", all, "GET", 0, []event{start, failed(http7.UpstreamCalm)}, []action{pick, fail}, http7.UpstreamCalm},
	{"reset, not asked for", connect, "GET", 0, []event{start, failed(http7.UpstreamReset)}, []action{pick, fail}, http7.UpstreamReset},
	{"reset, body gone", all, "GET", 0, []event{start, lost(http7.UpstreamReset)}, []action{pick, fail}, http7.UpstreamReset},
	{"connect, body gone", all, "GET", 0, []event{start, lost(http7.ConnectRefused)}, []action{pick, fail}, http7.ConnectRefused},
	{"timeout", all, "GET", 0, []event{start, failed(http7.UpstreamTimeout), yes, head(200)}, []action{pick, askRetry, pick, keep}, nil},
	{"the route's timeout", all, "GET", 0, []event{start, failed(http7.RouteTimeout)}, []action{pick, fail}, http7.RouteTimeout},
	{"bad answer", all, "GET", 0, []event{start, failed(http7.BadStatusLine)}, []action{pick, fail}, http7.BadStatusLine},
	{"the client left", all, "GET", 0, []event{start, failed(http7.ClientLeft)}, []action{pick, fail}, http7.ClientLeft},
	{"the client's body is bad", all, "GET", 0, []event{start, failed(http7.BadChunk)}, []action{pick, fail}, http7.BadChunk},

	{"stale", connect, "GET", 0, []event{start, failed(http7.UpstreamStale), head(200)}, []action{pick, acquire, keep}, nil},
	{"stale is outside the count", none, "GET", 0, []event{start, failed(http7.UpstreamStale), head(200)}, []action{pick, acquire, keep}, nil},
	{"stale twice", connect, "GET", 0, []event{start, failed(http7.UpstreamStale), failed(http7.UpstreamStale)}, []action{pick, acquire, fail}, http7.UpstreamStale},
	{"stale, POST", connect, "POST", 0, []event{start, failed(http7.UpstreamStale)}, []action{pick, fail}, http7.UpstreamStale},
	{"stale, body gone", connect, "GET", 0, []event{start, lost(http7.UpstreamStale)}, []action{pick, fail}, http7.UpstreamStale},
	{"stale on each of two endpoints", all, "GET", 0, []event{start, failed(http7.UpstreamStale), failed(http7.UpstreamReset), yes, failed(http7.UpstreamStale), head(200)}, []action{pick, acquire, askRetry, pick, acquire, keep}, nil},

	{"503, then an answer", all, "GET", 0, []event{start, head(503), yes, head(200)}, []action{pick, askRetry, pick, keep}, nil},
	{"502 and 504", all, "GET", 0, []event{start, head(502), yes, head(504), yes, head(503)}, []action{pick, askRetry, pick, askRetry, pick, keep}, nil},
	{"503, not asked for", connect, "GET", 0, []event{start, head(503)}, []action{pick, keep}, nil},
	{"503, POST", all, "POST", 0, []event{start, head(503)}, []action{pick, keep}, nil},
	{"503, the budget is spent", all, "GET", 0, []event{start, head(503), no}, []action{pick, askRetry, keep}, nil},
	{"503, nobody else", all, "GET", 0, []event{start, head(503), yes, nobody(lb.NoEndpoint)}, []action{pick, askRetry, pick, keep}, nil},
	{"503, the others full", all, "GET", 0, []event{start, head(503), yes, nobody(lb.AllFull)}, []action{pick, askRetry, pick, keep}, nil},
	{"503, all were tried", all, "GET", 0, []event{start, head(503), yes, nobody(lb.AllTried), head(200)}, []action{pick, askRetry, pick, pick, keep}, nil},
	{"503, all were tried, and nobody all the same", all, "GET", 0, []event{start, head(503), yes, nobody(lb.AllTried), nobody(lb.AllTried)}, []action{pick, askRetry, pick, pick, keep}, nil},
	{"503, then refused, then nobody", all, "GET", 0, []event{start, head(503), yes, failed(http7.ConnectRefused), nobody(lb.NoEndpoint)}, []action{pick, askRetry, pick, pick, fail}, http7.ConnectRefused},

	{"a backoff", slow, "GET", 0, []event{start, head(503), yes, waited, head(200)}, []action{pick, askRetry, wait, pick, keep}, nil},
	{"no backoff before another endpoint than one that can't be reached", slow, "GET", 0, []event{start, failed(http7.ConnectRefused), head(200)}, []action{pick, pick, keep}, nil},
	{"a backoff before the same one", slow, "GET", 0, []event{start, failed(http7.ConnectRefused), nobody(lb.AllTried), waited, head(200)}, []action{pick, pick, wait, pick, keep}, nil},
	{"a backoff that ends too late", slow, "GET", 1010 * ms, []event{start, head(503)}, []action{pick, keep}, nil},
	{"a backoff that ends in time", slow, "GET", 1011 * ms, []event{start, head(503), yes}, []action{pick, askRetry, wait}, nil},
	{"a backoff that took too long", slow, "GET", 1100 * ms, []event{start, failed(http7.UpstreamReset), yes, waited}, []action{pick, askRetry, wait, fail}, http7.UpstreamReset},
	{"the client leaves during a backoff", slow, "GET", 0, []event{start, head(503), yes, ended}, []action{pick, askRetry, wait, fail}, http7.ClientLeft},

	{"Retry-After does not bind another endpoint", all, "GET", 0, []event{start, headLater(503, time.Second), yes, head(200)}, []action{pick, askRetry, pick, keep}, nil},
	{"Retry-After before the same endpoint", all, "GET", 0, []event{start, headLater(503, time.Second), yes, nobody(lb.AllTried), waited, head(200)}, []action{pick, askRetry, pick, wait, pick, keep}, nil},
	{"Retry-After beyond the route's time", all, "GET", 2000 * ms, []event{start, headLater(503, time.Second), yes, nobody(lb.AllTried)}, []action{pick, askRetry, pick, keep}, nil},
	{"Retry-After beyond what anybody waits", all, "GET", 0, []event{start, headLater(503, time.Minute), yes, nobody(lb.AllTried)}, []action{pick, askRetry, pick, keep}, nil},

	{"the queue", all, "GET", 0, []event{start, nobody(lb.AllFull), granted, head(200)}, []action{pick, queue, pick, keep}, nil},
	{"the queue twice", all, "GET", 0, []event{start, nobody(lb.AllFull), granted, nobody(lb.AllFull), granted, head(200)}, []action{pick, queue, pick, queue, pick, keep}, nil},
	{"shed", all, "GET", 0, []event{start, nobody(lb.AllFull), shed}, []action{pick, queue, fail}, http7.Overloaded},
	{"the client leaves the queue", all, "GET", 0, []event{start, nobody(lb.AllFull), ended}, []action{pick, queue, fail}, http7.ClientLeft},
	{"a grant that comes too late", all, "GET", 1100 * ms, []event{start, nobody(lb.AllFull), granted}, []action{pick, queue, fail}, http7.RouteTimeout},
	{"reset, then the queue", all, "GET", 0, []event{start, failed(http7.UpstreamReset), yes, nobody(lb.AllFull), granted, head(200)}, []action{pick, askRetry, pick, queue, pick, keep}, nil},
	{"reset, then shed", all, "GET", 0, []event{start, failed(http7.UpstreamReset), yes, nobody(lb.AllFull), shed}, []action{pick, askRetry, pick, queue, fail}, http7.UpstreamReset},

	{"a hedge that wins", all, "GET", 0, []event{start, due, yes, out, besideHead(200), head(200)}, []action{pick, askHedge, hedge, await, adopt, keep}, nil},
	{"a hedge that loses", all, "GET", 0, []event{start, due, yes, out, head(200)}, []action{pick, askHedge, hedge, await, keep}, nil},
	{"a hedge that the budget refuses", all, "GET", 0, []event{start, due, no, head(200)}, []action{pick, askHedge, await, keep}, nil},
	{"a hedge without another endpoint", all, "GET", 0, []event{start, due, yes, no, head(200)}, []action{pick, askHedge, hedge, await, keep}, nil},
	{"a hedge that fails", all, "GET", 0, []event{start, due, yes, out, besideFault(http7.ConnectRefused), head(200)}, []action{pick, askHedge, hedge, await, part, keep}, nil},
	{"a hedge whose 503 does not win", all, "GET", 0, []event{start, due, yes, out, besideHead(503), head(200)}, []action{pick, askHedge, hedge, await, part, keep}, nil},
	{"a 500 that does not win over the hedge", all, "GET", 0, []event{start, due, yes, out, head(500), head(200)}, []action{pick, askHedge, hedge, await, adopt, keep}, nil},
	{"two 500: the last is kept", all, "GET", 0, []event{start, due, yes, out, head(500), head(500)}, []action{pick, askHedge, hedge, await, adopt, keep}, nil},
	{"a first attempt that fails beside a hedge", all, "GET", 0, []event{start, due, yes, out, failed(http7.UpstreamReset), head(200)}, []action{pick, askHedge, hedge, await, adopt, keep}, nil},
	{"both fail, and a retry is left", all, "GET", 0, []event{start, due, yes, out, failed(http7.UpstreamReset), failed(http7.UpstreamReset), yes, head(200)}, []action{pick, askHedge, hedge, await, adopt, askRetry, pick, keep}, nil},
	{"both fail, and no attempt is left", &Retry{Attempts: 1, On: everything, Methods: []string{"GET"}}, "GET", 0, []event{start, due, yes, out, failed(http7.UpstreamReset), failed(http7.ConnectRefused)}, []action{pick, askHedge, hedge, await, adopt, fail}, http7.ConnectRefused},
	{"the client leaves two attempts", all, "GET", 0, []event{start, due, yes, out, failed(http7.ClientLeft)}, []action{pick, askHedge, hedge, await, fail}, http7.ClientLeft},
	{"the route's time ends two attempts", all, "GET", 0, []event{start, due, yes, out, failed(http7.RouteTimeout)}, []action{pick, askHedge, hedge, await, fail}, http7.RouteTimeout},
	{"one hedge an exchange", all, "GET", 0, []event{start, due, yes, out, besideHead(503), due}, []action{pick, askHedge, hedge, await, part, await}, nil},
	{"no hedge for POST", all, "POST", 0, []event{start, due}, []action{pick, await}, nil},
	{"no hedge without an attempt left", none, "GET", 0, []event{start, due}, []action{pick, await}, nil},
	{"no hedge without time left", all, "GET", 1050 * ms, []event{start, due}, []action{pick, await}, nil},
}

func TestStepLeadsFromEachEventToItsAction(t *testing.T) {
	t.Parallel()
	for _, c := range stepCases {
		s := newSending(c.retry, []byte(c.method), c.limit)
		for i, ev := range c.events {
			if got := s.step(ev); got != c.want[i] {
				t.Errorf("%s: step %d is %s, want %s", c.name, i, actionNames[got], actionNames[c.want[i]])
			}
		}
		if c.want[len(c.want)-1] == fail && s.fault != c.fault {
			t.Errorf("%s: fault %v, want %v", c.name, s.fault, c.fault)
		}
	}
}

func TestAFreshConnectionIsDemandedOnlyBehindAStaleOne(t *testing.T) {
	t.Parallel()
	s := newSending(all, []byte("GET"), 0)
	s.step(start)
	if s.fresh {
		t.Error("the first attempt may use an idle connection")
	}
	s.step(failed(http7.UpstreamStale))
	if !s.fresh {
		t.Error("the repetition must not meet another stale connection")
	}
	s.step(failed(http7.UpstreamReset))
	if s.step(yes); s.fresh {
		t.Error("another endpoint may use an idle connection")
	}
}

func TestTheBackoffDoublesUpToSixteenTimes(t *testing.T) {
	t.Parallel()
	r := &Retry{Attempts: 10, On: everything, Methods: []string{"GET"}, Backoff: 10 * time.Millisecond}
	s := newSending(r, []byte("GET"), 0)
	s.step(start)
	for n, want := range []int64{10, 20, 40, 80, 160, 160, 160} {
		ev := head(503)
		ev.dice = 1
		if got := s.step(ev); got != askRetry || s.until-ev.now != want*ms {
			t.Errorf("retry %d waits for %v at most, want %d ms", n+1, time.Duration(s.until-ev.now), want)
		}
		s.step(yes)
		s.step(event{kind: evWaited, now: s.until})
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	method := []byte("GET")
	if n := testing.AllocsPerRun(1000, func() {
		s := newSending(all, method, 0)
		for _, ev := range []event{start, due, yes, out, failed(http7.UpstreamReset), head(503), yes, nobody(lb.AllTried), head(200)} {
			s.step(ev)
		}
	}); n != 0 {
		t.Fatalf("step allocates %v times", n)
	}
}

func BenchmarkStepOfAPlainAnswer(b *testing.B) {
	method, answer := []byte("GET"), head(200)
	b.ReportAllocs()
	for b.Loop() {
		s := newSending(all, method, 0)
		s.step(start)
		s.step(answer)
	}
}
