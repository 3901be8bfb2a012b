package limit

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// half opens when half of at least 4 uses fail.
var half = BreakerConfig{FailureRate: 0.5, MinUses: 4, Open: 5 * time.Second}

// outcomes ends one use for each letter: o well, x badly, c neither. It returns how many were let through.
func outcomes(b *Breaker, letters string, now time.Duration) (passed int) {
	for _, letter := range letters {
		ticket, ok := b.Allow(now)
		if !ok {
			continue
		}
		passed++
		end(b, ticket, letter, now)
	}
	return passed
}

func end(b *Breaker, ticket uint32, letter rune, now time.Duration) {
	switch letter {
	case 'o':
		b.Succeeded(ticket, now)
	case 'x':
		b.Failed(ticket, now)
	case 'c':
		b.Forgo(ticket, now)
	}
}

func TestWhatOpensABreaker(t *testing.T) {
	for _, c := range []struct {
		what    string
		config  BreakerConfig
		letters string
		want    BreakerState
	}{
		{"nothing", half, "", Closed},
		{"three failures are too few to judge", half, "xxx", Closed},
		{"four failures", half, "xxxx", Open},
		{"half of four", half, "ooxx", Open},
		{"less than half", half, "oooxx", Closed},
		{"half again after a while below", half, "xxooooxx", Open},
		{"cancelled uses don't count", half, "cccccccxxx", Closed},
		{"a success is no reason to open", half, "xxxo", Closed},
		{"a failure after it is", half, "xxxox", Open},
		{"all of one", BreakerConfig{FailureRate: 1, MinUses: 1, Open: time.Second}, "x", Open},
		{"one in ten", BreakerConfig{FailureRate: 0.1, MinUses: 10, Open: time.Second}, "ooooooooox", Open},
		{"one in eleven", BreakerConfig{FailureRate: 0.1, MinUses: 10, Open: time.Second}, "oooooooooox", Closed},
	} {
		t.Run(c.what, func(t *testing.T) {
			var b Breaker
			b.Configure(&c.config, 0)
			outcomes(&b, c.letters, time.Second)
			if got := b.Stats(time.Second).State; got != c.want {
				t.Errorf("after %q the breaker is %v, want %v", c.letters, got, c.want)
			}
		})
	}
}

func TestFailuresOlderThanTheWindowAreForgotten(t *testing.T) {
	var b Breaker
	b.Configure(&half, 0)
	outcomes(&b, "xxx", 0)
	outcomes(&b, "x", 11*time.Second)
	if s := b.Stats(11 * time.Second); s.State != Closed || s.Uses != 1 || s.Failures != 1 {
		t.Errorf("stats are %+v, want closed with one failure of one use", s)
	}
}

func TestATrialDecides(t *testing.T) {
	for _, c := range []struct {
		what, letters string
		config        BreakerConfig
		want          BreakerState
	}{
		{"no outcome yet", "", half, HalfOpen},
		{"two of four well are not enough", "oo", half, HalfOpen},
		{"three of four well", "ooo", half, Closed},
		{"two of four badly", "oxx", half, Open},
		{"cancelled uses don't count", "cccccoo", half, HalfOpen},
		{"ten outcomes at most", "oooooo", BreakerConfig{FailureRate: 0.5, MinUses: 100, Open: 5 * time.Second}, Closed},
		{"five of ten badly", "oooooxxxxx", BreakerConfig{FailureRate: 0.5, MinUses: 100, Open: 5 * time.Second}, Open},
		{"any success where all must fail", "o", BreakerConfig{FailureRate: 1, MinUses: 20, Open: 5 * time.Second}, Closed},
		{"any failure where one is enough", "x", BreakerConfig{FailureRate: 0.01, MinUses: 4, Open: 5 * time.Second}, Open},
	} {
		t.Run(c.what, func(t *testing.T) {
			var b Breaker
			b.Configure(&c.config, 0)
			for range 200 {
				outcomes(&b, "x", 0)
			}
			trial, ok := b.Allow(5 * time.Second)
			if !ok || b.Stats(0).State != HalfOpen {
				t.Fatal("5 s after opening there is no trial")
			}
			b.Forgo(trial, 5*time.Second)
			outcomes(&b, c.letters, 6*time.Second)
			if got := b.Stats(6 * time.Second).State; got != c.want {
				t.Errorf("after %q the breaker is %v, want %v", c.letters, got, c.want)
			}
		})
	}
}

func TestAnOpenBreakerRefusesUntilItsTime(t *testing.T) {
	var b Breaker
	b.Configure(&half, 0)
	outcomes(&b, "xxxx", time.Second)
	for _, at := range []time.Duration{time.Second, 3 * time.Second, 6*time.Second - 1} {
		if _, ok := b.Allow(at); ok {
			t.Errorf("a use passes at %v, although the breaker opened at 1s for 5 s", at)
		}
	}
	if s := b.Stats(3 * time.Second); s.State != Open || s.Since != time.Second || s.Opened != 1 || s.Refused != 3 {
		t.Errorf("stats are %+v, want open since 1s, opened once, three refused", s)
	}
}

func TestATrialLetsThreeThroughAtATime(t *testing.T) {
	var b Breaker
	b.Configure(&BreakerConfig{FailureRate: 0.5, MinUses: 20, Open: 5 * time.Second}, 0)
	for range 20 {
		outcomes(&b, "x", 0)
	}
	var tickets []uint32
	for range 10 {
		if ticket, ok := b.Allow(5 * time.Second); ok {
			tickets = append(tickets, ticket)
		}
	}
	if len(tickets) != 3 {
		t.Fatalf("%d uses are let through, want 3", len(tickets))
	}
	for i, letter := range "oxc" {
		end(&b, tickets[i], letter, 6*time.Second)
		if _, ok := b.Allow(6 * time.Second); !ok {
			t.Errorf("the place of a use that ended with %q is not given again", letter)
		}
	}
}

// A session may last for hours. What waits behind it must not.
func TestATrialThatDoesNotEndMakesPlaceForAnother(t *testing.T) {
	var b Breaker
	b.Configure(&half, 0)
	outcomes(&b, "xxxx", 0)
	for range 3 {
		b.Allow(5 * time.Second)
	}
	if _, ok := b.Allow(9 * time.Second); ok {
		t.Error("a fourth use passes 4 s after the trial began")
	}
	var late uint32
	for i := range 3 {
		ticket, ok := b.Allow(10 * time.Second)
		if !ok {
			t.Fatalf("use %d does not pass 5 s after the trial began", i)
		}
		late = ticket
	}
	if _, ok := b.Allow(10 * time.Second); ok {
		t.Error("more than three pass again")
	}
	for range 3 {
		b.Succeeded(late, 10*time.Second)
	}
	if got := b.Stats(0).State; got != Closed {
		t.Errorf("after three good outcomes of four the breaker is %v", got)
	}
}

func TestOutcomesOfAnEarlierPhaseDoNotCount(t *testing.T) {
	var b Breaker
	b.Configure(&half, 0)
	old, _ := b.Allow(0)
	outcomes(&b, "xxxx", 0)
	for range 10 {
		b.Succeeded(old, 5*time.Second)
		b.Failed(old, 5*time.Second)
	}
	b.Allow(5 * time.Second)
	for range 10 {
		b.Succeeded(old, 5*time.Second)
	}
	if got := b.Stats(0).State; got != HalfOpen {
		t.Errorf("uses that began before the trial have made the breaker %v", got)
	}
	outcomes(&b, "ooo", 6*time.Second)
	for range 10 {
		b.Failed(old, 6*time.Second)
		b.Failed(0, 6*time.Second) // from before there was a breaker
	}
	if s := b.Stats(6 * time.Second); s.State != Closed || s.Uses != 0 {
		t.Errorf("stats are %+v, want closed without a use", s)
	}
}

func TestABreakerIsSwitchedOffAndOn(t *testing.T) {
	var b Breaker
	if _, ok := b.Allow(0); !ok || b.On() {
		t.Error("the zero breaker is on")
	}
	b.Configure(&half, 0)
	outcomes(&b, "xxx", 0)
	other := half
	other.MinUses = 3
	b.Configure(&other, time.Second)
	outcomes(&b, "x", time.Second)
	if b.Stats(0).State != Open {
		t.Error("counts don't survive another configuration")
	}
	b.Configure(nil, 2*time.Second)
	if _, ok := b.Allow(2 * time.Second); !ok {
		t.Error("a breaker that is switched off refuses")
	}
	b.Configure(&half, 3*time.Second)
	if s := b.Stats(3 * time.Second); s.State != Closed || s.Since != 2*time.Second || s.Uses != 0 {
		t.Errorf("stats are %+v, want closed since 2s without a use", s)
	}
}

func TestWordsOfTheStates(t *testing.T) {
	for s, want := range map[BreakerState]string{Closed: "closed", Open: "open", HalfOpen: "half_open", 9: "breaker_state(9)"} {
		if got := s.String(); got != want {
			t.Errorf("state %d is %q, want %q", s, got, want)
		}
	}
}

// breakerModel is the breaker with a list of what it has seen.
type breakerModel struct {
	config       BreakerConfig
	state        BreakerState
	phase        int
	since        time.Duration
	seen         []seen
	trials       int
	places       time.Duration
	trialOK, bad int
}

type seen struct {
	at     time.Duration
	failed bool
}

func (m *breakerModel) enter(s BreakerState, now time.Duration) {
	m.phase++
	m.state, m.since, m.places = s, now, now
	m.seen, m.trials, m.trialOK, m.bad = nil, 0, 0, 0
}

func (m *breakerModel) allow(now time.Duration) bool {
	if m.state == Open && now-m.since >= m.config.Open {
		m.enter(HalfOpen, now)
	}
	if m.state == HalfOpen && m.trials == trialsAtOnce && now-m.places >= m.config.Open {
		m.trials, m.places = 0, now
	}
	switch {
	case m.state == Closed:
		return true
	case m.state == Open || m.trials == trialsAtOnce:
		return false
	}
	m.trials++
	return true
}

func (m *breakerModel) end(letter rune, now time.Duration) {
	if m.state == HalfOpen {
		m.endTrial(letter, now)
		return
	}
	if letter == 'c' {
		return
	}
	m.seen = append(m.seen, seen{now, letter == 'x'})
	uses, failed := 0, 0
	for _, s := range m.seen {
		if int(now/slotWidth)-int(s.at/slotWidth) < windowSlots {
			uses++
			if s.failed {
				failed++
			}
		}
	}
	if letter == 'x' && uses >= m.config.MinUses && float64(failed) >= m.config.FailureRate*float64(uses)-1e-9 {
		m.enter(Open, now)
	}
}

func (m *breakerModel) endTrial(letter rune, now time.Duration) {
	m.trials = max(0, m.trials-1)
	switch letter {
	case 'o':
		m.trialOK++
	case 'x':
		m.bad++
	}
	uses, failures := m.config.trial()
	if m.bad >= failures {
		m.enter(Open, now)
	} else if m.trialOK > uses-failures {
		m.enter(Closed, now)
	}
}

// FuzzBreaker lets each byte be a step: a use begins, or the oldest or newest that is open ends.
func FuzzBreaker(f *testing.F) {
	f.Add([]byte("\x00\x04\x00\x04\x00\x04\x00\x04\xf0\x00\x05"), uint8(50), uint8(4))
	f.Add([]byte{0, 0, 0, 4, 4, 4, 0xf0, 0, 0, 0, 0, 2, 2, 2, 0xf1, 0, 3}, uint8(100), uint8(3))
	f.Add([]byte{0, 4, 0xf0, 0, 0, 0, 0xf0, 0, 0, 0, 0, 2, 4, 6}, uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, steps []byte, percent, least uint8) {
		runBreaker(t, steps, BreakerConfig{
			FailureRate: float64(1+percent%100) / 100, MinUses: 1 + int(least%30), Open: 5 * time.Second,
		})
	})
}

type openUse struct {
	ticket uint32
	phase  int
}

func runBreaker(t *testing.T, steps []byte, c BreakerConfig) {
	t.Helper()
	var b Breaker
	b.Configure(&c, 0)
	m := breakerModel{config: c}
	now := time.Duration(0)
	var open []openUse
	for i, step := range steps[:min(len(steps), 3000)] {
		if step >= 0xf0 {
			now += time.Duration(step-0xef) * time.Second
			continue
		}
		now += time.Duration(step>>4) * 10 * time.Millisecond
		letter := [4]rune{0, 'o', 'x', 'c'}[step>>1&3]
		if letter == 0 {
			ticket, ok := b.Allow(now)
			if want := m.allow(now); ok != want {
				t.Fatalf("step %d at %v: Allow is %v, by the book %v", i, now, ok, want)
			}
			if ok {
				open = append(open, openUse{ticket, m.phase})
			}
		} else if len(open) > 0 {
			var u openUse
			if step&1 == 0 {
				u, open = open[0], open[1:]
			} else {
				u, open = open[len(open)-1], open[:len(open)-1]
			}
			end(&b, u.ticket, letter, now)
			if u.phase == m.phase {
				m.end(letter, now)
			}
		}
		if s := b.Stats(now); s.State != m.state || s.Since != m.since {
			t.Fatalf("step %d at %v: %v since %v, by the book %v since %v", i, now, s.State, s.Since, m.state, m.since)
		}
	}
}

func TestTheBreakerIsWhatAModelThatRemembersEverythingSays(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		steps := make([]byte, 1000)
		for i := range steps {
			steps[i] = byte(random.IntN(256))
			if random.IntN(20) != 0 {
				steps[i] &= 0x1f
			}
		}
		runBreaker(t, steps, BreakerConfig{
			FailureRate: float64(1+random.IntN(100)) / 100, MinUses: 1 + random.IntN(30), Open: 5 * time.Second,
		})
	}
}

// Uses of many goroutines while the breaker opens and closes: the race detector watches, and in
// the end the breaker can close.
func TestManyUsesAtOnce(t *testing.T) {
	var b Breaker
	b.Configure(&half, 0)
	var clock atomic.Int64
	var users sync.WaitGroup
	for i := range 8 {
		users.Go(func() {
			for n := range 3000 {
				now := time.Duration(clock.Add(int64(time.Millisecond)))
				ticket, ok := b.Allow(now)
				if !ok {
					continue
				}
				end(&b, ticket, rune("xxxo"[(i+n)%4]), now)
			}
		})
	}
	users.Wait()
	now := time.Duration(clock.Load())
	for range 100 {
		now += time.Second
		outcomes(&b, "o", now)
	}
	if s := b.Stats(now); s.State != Closed || s.Opened == 0 {
		t.Errorf("after a hundred successes the breaker is %v and was open %d times", s.State, s.Opened)
	}
}

func TestABreakerTellsWhenItTurnsAndHowLongItIsOpen(t *testing.T) {
	var b Breaker
	turns := 0
	b.OnTurn(func() { turns++ })
	b.Configure(&half, 0)
	at := time.Minute
	outcomes(&b, "oxxx", at)
	for _, c := range []struct {
		after, want time.Duration
	}{{0, 5 * time.Second}, {time.Second, 4 * time.Second}, {5 * time.Second, 0}, {time.Hour, 0}} {
		if got := b.Left(at + c.after); got != c.want {
			t.Errorf("after %v it is open for %v more, want %v", c.after, got, c.want)
		}
	}
	if s := b.Stats(at); turns != 1 || s.Open != 5*time.Second || s.OpenedUses != 4 || s.OpenedFailures != 3 {
		t.Errorf("%d turns, %+v; want 1, open for 5s because of 3 of 4", turns, s)
	}
	at += 5 * time.Second
	if _, ok := b.Allow(at); !ok || turns != 2 || b.Left(at) != 0 {
		t.Errorf("half open: allowed %v, %d turns, %v left", ok, turns, b.Left(at))
	}
	b.Configure(nil, at)
	if turns != 3 || b.Left(at) != 0 || b.Stats(at).Open != 0 {
		t.Errorf("switched off: %d turns, %v left", turns, b.Left(at))
	}
}
