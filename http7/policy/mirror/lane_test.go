package mirror

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// refusing answers no copy.
func refusing(*http7.Detached) (*http7.Answer, *http7.Fault) { return nil, http7.ConnectRefused }

// many passes n requests.
func (s *stand) many(n int) {
	for range n {
		visit{answer: answerOf(200, "", "")}.pass(s.step)
	}
}

func TestADeadUpstreamIsAskedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		s.reply = refusing
		for range deadAfter {
			s.many(1)
			settle()
		}
		s.many(1000)
		if st := s.stats(); st.Sent != deadAfter || st.Failed != deadAfter || st.Down != 1000 {
			t.Errorf("dead: %+v", st)
		}
		for i := range 10 { // one each of these seconds finds out
			time.Sleep(probeEvery)
			s.many(50)
			if st := s.stats(); st.Sent != uint64(deadAfter+i+1) {
				t.Errorf("second %d: %+v", i+1, st)
			}
		}
		s.reply = nil
		time.Sleep(probeEvery)
		s.many(1)
		before := s.stats()
		s.many(20)
		if st := s.stats(); st.Sent != before.Sent+20 || st.Failed != before.Failed || st.Down != before.Down {
			t.Errorf("back: %+v, before %+v", st, before)
		}
	})
}

func TestWithoutAReadyEndpointNothingIsCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		s.ready = false
		s.many(100)
		if st := s.stats(); st.Down != 100 || st.Sent != 0 || s.pool.held.Load() != 0 {
			t.Errorf("%+v", st)
		}
		s.ready = true
		s.many(1)
		if st := s.stats(); st.Sent != 1 {
			t.Errorf("ready again: %+v", st)
		}
	})
}

func TestWhatWaitedForAnUpstreamThatDiedIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		dies := make(chan struct{})
		s.reply = func(*http7.Detached) (*http7.Answer, *http7.Fault) {
			<-dies
			return nil, http7.ConnectRefused
		}
		s.many(laneQueue)
		if st := s.stats(); st.Waiting != laneQueue-laneWorkers || st.InFlight != laneWorkers {
			t.Errorf("before: %+v", st)
		}
		close(dies)
		if st := s.stats(); st.Failed < laneWorkers || st.Sent > laneWorkers+deadAfter || st.Sent+st.Down != laneQueue || st.Waiting != 0 {
			t.Errorf("after: %+v", st)
		}
	})
}

func TestASlowUpstreamHoldsUpNobodyAndCopiesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		s.reply = func(d *http7.Detached) (*http7.Answer, *http7.Fault) {
			time.Sleep(time.Until(d.Deadline) / 2)
			return answerOf(200, "", ""), nil
		}
		begin := time.Now()
		s.many(1000)
		if took := time.Since(begin); took != 0 {
			t.Errorf("the clients waited for %v", took)
		}
		st := s.stats()
		kept := uint64(laneWorkers + st.Waiting)
		if st.Sent != laneWorkers || st.InFlight != laneWorkers || st.Waiting < laneQueue-laneWorkers || st.Waiting > laneQueue || st.Full != 1000-kept {
			t.Errorf("%+v", st)
		}
		time.Sleep(time.Minute)
		if st := s.stats(); st.Sent != kept || st.Waiting+st.InFlight != 0 {
			t.Errorf("in the end %+v, want %d sent", st, kept)
		}
		if held := s.pool.held.Load(); held != 0 {
			t.Errorf("%d bytes are still held", held)
		}
	})
}

func TestOneSlowMirrorLeavesWorkersToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		hold := make(chan struct{})
		s.reply = func(*http7.Detached) (*http7.Answer, *http7.Fault) {
			<-hold
			return answerOf(200, "", ""), nil
		}
		s.many(laneQueue)
		synctest.Wait()
		c := config()
		other, err := Compile(&c, Needs{Route: "other", Pool: s.pool, Sender: sendFunc(func(*http7.Detached) (*http7.Answer, *http7.Fault) {
			return answerOf(200, "", ""), nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			visit{}.pass(other)
		}
		settle()
		list := s.pool.Stats()
		if len(list) != 2 || list[0].Route != "other" || list[0].Sent != 50 || list[1].InFlight != laneWorkers {
			t.Errorf("%+v", list)
		}
		close(hold)
	})
}

func TestAllMirrorsTogetherHaveSoManyWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		hold := make(chan struct{})
		for i := range 5 {
			c := config()
			step, err := Compile(&c, Needs{Route: fmt.Sprint("r", i), Pool: s.pool, Sender: sendFunc(func(*http7.Detached) (*http7.Answer, *http7.Fault) {
				<-hold
				return answerOf(200, "", ""), nil
			})})
			if err != nil {
				t.Fatal(err)
			}
			for range laneQueue {
				visit{}.pass(step)
			}
		}
		settle()
		flying, full := 0, uint64(0)
		for _, st := range s.pool.Stats() {
			flying += st.InFlight
			full += st.Full
		}
		if flying != poolWorkers || full != 3*laneQueue { // two have all workers; the other three nobody who would come
			t.Errorf("%d under way, %d dropped", flying, full)
		}
		close(hold)
	})
}

func TestThePoolsMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := config()
		c.MaxBody = conf.Bytes(1 << 20)
		c.Compare = true
		s := newStand(t, c)
		var open []*http7.Exchange
		for range 100 { // exchanges that last: 3 MiB each at most
			x := visit{method: "POST", body: "x", chunked: true}.exchange()
			s.step.Request.Request(x)
			open = append(open, x)
		}
		if st := s.stats(); st.Full != 100-poolBytes/(3<<20+headRoom) || s.pool.held.Load() > poolBytes {
			t.Errorf("%+v, %d bytes are held", st, s.pool.held.Load())
		}
		for _, x := range open {
			s.step.End.End(x, 0)
		}
		if held := s.pool.held.Load(); held != 0 {
			t.Errorf("%d bytes are still held", held)
		}
	})
}

func TestFiguresSurviveAReloadAndGoWithTheMirror(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		s.many(3)
		settle()
		old := s.step
		s.step = s.compile(config()) // a reload that leaves the mirror alone
		s.pool.Keep(func(route, upstream string) bool { return route == "site" && upstream == "next" })
		s.many(2)
		if st := s.stats(); st.Sent != 5 {
			t.Errorf("after a reload: %+v", st)
		}
		x := visit{}.exchange() // begins before the next reload
		old.Request.Request(x)
		s.pool.Keep(func(string, string) bool { return false })
		if n := len(s.pool.Stats()); n != 0 {
			t.Errorf("%d mirrors have figures, want none", n)
		}
		old.End.End(x, 0)
		visit{}.pass(old)
		if n := len(s.all()); n != 5 {
			t.Errorf("%d copies, want none of a mirror that has gone", n-5)
		}
		if held := s.pool.held.Load(); held != 0 {
			t.Errorf("%d bytes are still held", held)
		}
		s.step = s.compile(config())
		s.many(1)
		if st := s.stats(); st.Sent != 1 {
			t.Errorf("a mirror that is back: %+v", st)
		}
	})
}

func TestWhatWaitsForAMirrorThatHasGoneIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		hold := make(chan struct{})
		s.reply = func(*http7.Detached) (*http7.Answer, *http7.Fault) {
			<-hold
			return answerOf(200, "", ""), nil
		}
		s.many(laneQueue)
		synctest.Wait()
		s.pool.Keep(func(string, string) bool { return false })
		close(hold)
		if n := len(s.all()); n != laneWorkers {
			t.Errorf("%d copies were sent, want %d", n, laneWorkers)
		}
		s.pool.crew.mu.Lock()
		defer s.pool.crew.mu.Unlock()
		if s.pool.crew.workers != 0 || s.pool.held.Load() != 0 {
			t.Errorf("%d workers and %d bytes are left", s.pool.crew.workers, s.pool.held.Load())
		}
	})
}

func TestRunEndsWithTheLastCopyUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(nil)
		c := config()
		sent := 0
		step, err := Compile(&c, Needs{Route: "site", Pool: p, Sender: sendFunc(func(*http7.Detached) (*http7.Answer, *http7.Fault) {
			sent++
			time.Sleep(3 * time.Second)
			return answerOf(200, "", ""), nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		visit{}.pass(step)
		synctest.Wait()
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			stop()
			time.Sleep(time.Millisecond)
			visit{}.pass(step)
		}()
		begin := time.Now()
		p.Run(ctx)
		if took := time.Since(begin); took != 3*time.Second || sent != 1 {
			t.Errorf("Run took %v, %d were sent", took, sent)
		}
	})
}

func TestAWorkerWithoutWorkLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		workers := func() int {
			s.pool.crew.mu.Lock()
			defer s.pool.crew.mu.Unlock()
			return s.pool.crew.workers
		}
		for range 10 { // one after the other needs one
			s.many(1)
			settle()
		}
		if n := workers(); n != 1 {
			t.Errorf("%d workers, want 1", n)
		}
		time.Sleep((restFor + 2) * gather)
		synctest.Wait()
		if n := workers(); n != 0 {
			t.Errorf("%d workers after a rest, want none", n)
		}
		s.many(1)
		if n := len(s.all()); n != 11 {
			t.Errorf("%d copies, want 11", n)
		}
	})
}

func TestAPanicEndsOneCopyAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, config())
		s.reply = func(d *http7.Detached) (*http7.Answer, *http7.Fault) {
			if string(d.Target) == "/bad" {
				panic("odd")
			}
			return answerOf(200, "", ""), nil
		}
		visit{target: "/bad"}.pass(s.step)
		visit{target: "/good"}.pass(s.step)
		st := s.stats()
		if st.Sent != 2 || st.Failed != 1 || st.InFlight != 0 || !strings.Contains(s.log.String(), "mirror panicked") {
			t.Errorf("%+v, log %q", st, s.log)
		}
	})
}

func TestAnAnswerIsReadToItsEndAndClosed(t *testing.T) {
	for _, c := range []struct {
		what, lines string
		source      *script
		failed      uint64
	}{
		{"whole", "", &script{states: []http7.State{http7.Chunk, http7.Parked, http7.Chunk, http7.End}}, 0},
		{"cut", "", &script{states: []http7.State{http7.Chunk, http7.Failure}}, 1},
		{"a stream of events", "Content-Type: text/event-stream; charset=utf-8", &script{}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t, config())
			s.reply = func(*http7.Detached) (*http7.Answer, *http7.Fault) {
				a := answerOf(200, c.lines, "")
				a.Source = c.source
				return a, nil
			}
			s.many(1)
			if st := s.stats(); st.Failed != c.failed || c.source.at != len(c.source.states) || !c.source.closed {
				t.Errorf("%s: %+v, read %d of %d, closed %v", c.what, st, c.source.at, len(c.source.states), c.source.closed)
			}
		})
	}
}

// script is a Source that says what it is told.
type script struct {
	states []http7.State
	at     int
	closed bool
}

func (s *script) Next() ([]byte, http7.State, *http7.Fault) {
	state := s.states[s.at]
	s.at++
	switch state {
	case http7.Chunk:
		return []byte("chunk"), state, nil
	case http7.Failure:
		return nil, state, http7.UpstreamCut
	}
	return nil, state, nil
}

func (s *script) Await() {}

func (s *script) Close() { s.closed = true }
