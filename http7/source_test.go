package http7

import (
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
)

func TestBytesAreSentOnceAndThenEnd(t *testing.T) {
	for _, text := range []string{"", "a", strings.Repeat("x", 1<<20)} {
		s := NewBytes([]byte(text))
		for range 2 {
			s.Await()
			body, end, f := drainOpen(s)
			if body != text || end != End || f != nil {
				t.Errorf("%d bytes: got %d, %v, %v", len(text), len(body), end, f)
			}
			if chunk, state, _ := s.Next(); state != End || len(chunk) != 0 {
				t.Errorf("behind the end: %d bytes, %v", len(chunk), state)
			}
			s.Reset([]byte(text))
		}
		s.Close()
		if _, state, _ := s.Next(); state != End {
			t.Errorf("after Close: %v", state)
		}
	}
}

// drainOpen is drain without the Close.
func drainOpen(s Source) (body string, end State, f *Fault) {
	var b strings.Builder
	for {
		chunk, state, f := s.Next()
		if b.Write(chunk); state == End || state == Failure {
			return b.String(), state, f
		}
		s.Await()
	}
}

func TestPresenceOfABodyFollowsItsLength(t *testing.T) {
	for length, want := range map[int64]bool{-1: true, 0: false, 1: true, 1 << 40: true} {
		if got := (&Body{Length: length}).Present(); got != want {
			t.Errorf("length %d: %v, want %v", length, got, want)
		}
	}
}

func TestALocalAnswerBeginsEmptyEachTime(t *testing.T) {
	x := asked("")
	for _, status := range []int{200, 404, 503} {
		a := x.LocalAnswer(status)
		if a.Status != status || !a.Local || a.Header.Len() != 0 || a.Trailer.Len() != 0 || len(a.Filters) != 0 || a.Source != nil || a.Reason != nil || x.Answer != a {
			t.Errorf("%d begins as %+v", status, a)
		}
		a.Header.Add(Known(Via), []byte("x"))
		a.Trailer.Add(Known(Via), []byte("x"))
		a.Filters = append(a.Filters, nil)
		a.Source, a.Reason, a.Length = NewBytes(nil), []byte("r"), 7
	}
}

func TestWakersOfEarlierUsesAreDead(t *testing.T) {
	// A waker looked whether its use was over and woke after that: between the two the exchange could be released
	// and taken again, and the next client's Wait ended for no reason.
	x := new(Exchange)
	stop := make(chan struct{})
	use := make(chan Waker)
	var wakers sync.WaitGroup
	for range 4 {
		wakers.Go(func() {
			w := <-use
			for {
				select {
				case w = <-use:
				case <-stop:
					return
				default:
					w.Wake()
				}
			}
		})
	}
	for range 4 {
		use <- x.Waker()
	}
	for i := range 300 {
		x.Release()
		runtime.Gosched()
		if len(x.Wakes()) != 0 {
			t.Fatalf("release %d: a waker of the use before woke this one", i)
		}
		if i%4 == 0 {
			select {
			case use <- x.Waker():
			default:
			}
		}
		for range i % 3 {
			x.Waker().Wake()
		}
	}
	close(stop)
	wakers.Wait()
	x.Release()
	x.Waker().Wake()
	select {
	case <-x.Wakes():
	default:
		t.Error("the exchange's own wake is lost")
	}
}

func TestAParkedExchangeIsWokenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := new(Exchange)
		w := x.Waker()
		woken := 0
		done := make(chan struct{})
		go func() { // the parked engine; it ends after a minute without a wake
			defer close(done)
			for {
				select {
				case <-x.Wakes():
					woken++
				case <-time.After(time.Minute):
					return
				}
			}
		}()
		for range 3 {
			synctest.Wait()
			w.Wake()
			time.Sleep(time.Second)
		}
		<-done
		if woken != 3 {
			t.Errorf("woken %d times, want 3", woken)
		}
	})
}

func TestProtocolsAndStagesHaveTheirWords(t *testing.T) {
	for p, want := range map[Proto]string{HTTP10: "HTTP/1.0", HTTP11: "HTTP/1.1", HTTP2: "HTTP/2.0", HTTP3: "HTTP/3.0"} {
		if p.String() != want {
			t.Errorf("%d is %s, want %s", p, p, want)
		}
	}
	want := strings.Fields("guard identify authorise limit inspect present cache rewrite")
	for s := range StageCount {
		if s.String() != want[s] {
			t.Errorf("stage %d is %s, want %s: the order is that of the house", s, s, want[s])
		}
	}
}

func TestADetachedHeadLivesThroughEditsAndReuse(t *testing.T) {
	x := asked("X-A: 1\r\nX-A: 2\r\nCookie: a=b\r\n")
	x.Request.Set(Known(Via), []byte("1.1 weir"))
	d := x.Detach()
	want := lines(&d.Header)
	x.Request.DelID(Cookie)
	x.Release()
	x.Request = *fill("X-Other: 1\r\n")
	if got := lines(&d.Header); got != want || !strings.Contains(got, "Via: 1.1 weir") || !strings.Contains(got, "X-A: 1\r\nX-A: 2\r\n") {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(d.Body) != 0 || !d.Deadline.IsZero() {
		t.Errorf("a detached request begins with %d bytes and %v", len(d.Body), d.Deadline)
	}
}

func TestReleaseInterruptsNothingOfTheNext(t *testing.T) {
	x := asked("")
	late := Source(&x.served)
	x.Release()
	Interrupt(late) // a watcher that is late
	x.Client = netip.MustParseAddr("192.0.2.1")
	if _, body := answered(t, x, Respond(200, "", []byte("fine"))); body != "fine" {
		t.Errorf("got %q", body)
	}
}

func TestWhatIsWrongWithLimitsIsSaid(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*LimitsConfig)
		want   string // "": nothing is wrong
	}{
		"the defaults":             {func(*LimitsConfig) {}, ""},
		"the least head":           {func(c *LimitsConfig) { c.HeaderBytes = conf.Bytes(1 << 10) }, ""},
		"a head that is too small": {func(c *LimitsConfig) { c.HeaderBytes = conf.Bytes(1<<10 - 1) }, "header_bytes"},
		"the largest head":         {func(c *LimitsConfig) { c.HeaderBytes = conf.Bytes(1 << 20) }, ""},
		"a head that is too large": {func(c *LimitsConfig) { c.HeaderBytes = conf.Bytes(1<<20 + 1) }, "header_bytes"},
		"a head without bound":     {func(c *LimitsConfig) { c.HeaderBytes = conf.OffSize }, "header_bytes"},
		"no field":                 {func(c *LimitsConfig) { c.HeaderCount = conf.AtMost(0) }, "header_count"},
		"ten thousand fields":      {func(c *LimitsConfig) { c.HeaderCount = conf.AtMost(10_000) }, ""},
		"one more":                 {func(c *LimitsConfig) { c.HeaderCount = conf.AtMost(10_001) }, "header_count"},
		"no time for a head":       {func(c *LimitsConfig) { c.HeaderTimeout = conf.Dur(0) }, "header_timeout"},
		"no time to idle":          {func(c *LimitsConfig) { c.IdleTimeout = conf.Dur(0) }, "idle_timeout"},
		"no time to stall":         {func(c *LimitsConfig) { c.WriteStall = conf.Dur(0) }, "write_stall"},
		"any body":                 {func(c *LimitsConfig) { c.BodyBytes = conf.Bytes(1) }, ""},
	} {
		limits := DefaultLimits()
		c.change(&limits)
		p := conf.NewProblems()
		limits.Check(p)
		var keys []string
		for _, problem := range p.List() {
			keys = append(keys, strings.Join(problem.Path, "."))
		}
		if got := strings.Join(keys, " "); got != c.want {
			t.Errorf("%s: problems with %q, want %q", what, got, c.want)
		}
	}
}
