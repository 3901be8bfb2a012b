package limit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// queueModel is the queue with a slice: the oldest first.
type queueModel struct {
	size     int
	line     []modelWaiter
	standing bool
	since    time.Duration // the line contradicts standing since then; -1: it does not
	stood    time.Duration
	dropNext time.Duration
	drops    int
}

type modelWaiter struct {
	id      int
	entered time.Duration
}

func (m *queueModel) above(now time.Duration) bool {
	above := len(m.line) > 0 && now-m.line[0].entered >= 5*ms
	if above == m.standing {
		m.since = -1
	} else if m.since < 0 {
		m.since = now
	}
	return above
}

func (m *queueModel) remove(i int) modelWaiter {
	w := m.line[i]
	m.line = slices.Delete(m.line, i, i+1)
	if len(m.line) == 0 && !m.standing {
		m.since = -1
	}
	return w
}

// grant returns who is shed and who is granted, -1 for nobody.
func (m *queueModel) grant(now time.Duration) (shed []int, granted int) {
	above := m.above(now)
	if m.since >= 0 && now-m.since >= 300*ms {
		m.standing, m.since = above, -1
		if above {
			if m.drops > 2 && now-m.dropNext < 4800*ms {
				m.drops -= 2
			} else {
				m.drops = 1
			}
			shed = append(shed, m.remove(0).id)
			m.dropNext, m.stood = now+pace(m.drops), now
		}
	}
	for m.standing && len(m.line) > 0 {
		if now-m.stood >= 300*ms && now-m.line[0].entered > 10*ms {
			shed = append(shed, m.remove(0).id)
		} else if now >= m.dropNext && m.above(now) {
			shed = append(shed, m.remove(0).id)
			m.drops++
			m.dropNext += pace(m.drops)
		} else {
			break
		}
	}
	switch {
	case len(m.line) == 0:
		return shed, -1
	case m.standing:
		return shed, m.remove(len(m.line) - 1).id
	}
	return shed, m.remove(0).id
}

func pace(drops int) time.Duration {
	q := Queue{drops: drops}
	return q.pace(0)
}

func (m *queueModel) enter(id int, now time.Duration) (ok bool, shed []int) {
	if len(m.line) >= m.size {
		if !m.standing || len(m.line) == 0 {
			return false, nil
		}
		shed = append(shed, m.remove(0).id)
	}
	m.line = append(m.line, modelWaiter{id, now})
	return true, shed
}

// FuzzQueue lets each byte be a step: somebody enters, room appears, somebody leaves, time passes.
func FuzzQueue(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x01\x02\xf0\x00\x01\xff\x01\x01"), uint8(3))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 1, 0xff, 1, 0xff, 1, 0, 0, 1, 2, 1, 0xff, 1, 0xff, 0xff, 0, 1}, uint8(5))
	f.Add([]byte{0, 1, 0, 1, 0, 1}, uint8(0))
	f.Fuzz(runQueue)
}

func runQueue(t *testing.T, steps []byte, size uint8) {
	var q Queue
	q.Resize(int(size))
	m := queueModel{size: int(size), since: -1}
	var waiters []*Waiter
	now := time.Duration(0)
	for i, step := range steps[:min(len(steps), 2000)] {
		now += time.Duration(step>>2) * ms
		var shed []int
		granted := -1
		switch {
		case step&3 == 0:
			w := &Waiter{}
			ok, gone := m.enter(len(waiters), now)
			shed = gone
			if got := q.Enter(w, now); got != ok {
				t.Fatalf("step %d at %v: Enter is %v, by the book %v", i, now, got, ok)
			}
			waiters = append(waiters, w)
		case step&3 == 1 && len(m.line) > 0:
			shed, granted = m.grant(now)
			if got := q.Grant(now, 0); got != (granted >= 0) {
				t.Fatalf("step %d at %v: Grant is %v, by the book %d", i, now, got, granted)
			}
		case step&3 == 2 && len(m.line) > 0:
			at := int(step>>2) % len(m.line)
			if id := m.remove(at).id; !q.Leave(waiters[id]) {
				t.Fatalf("step %d at %v: %d can't leave", i, now, id)
			}
		}
		expectVerdicts(t, fmt.Sprintf("step %d at %v", i, now), waiters, shed, granted)
		if s := q.Stats(); s.Waiting != len(m.line) || s.Standing != (m.standing && len(m.line) > 0) {
			t.Fatalf("step %d at %v: %+v, by the book %d wait and standing is %v", i, now, s, len(m.line), m.standing)
		}
	}
}

func expectVerdicts(t *testing.T, at string, waiters []*Waiter, shed []int, granted int) {
	t.Helper()
	for id, w := range waiters {
		select {
		case <-w.Wake:
		default:
			continue
		}
		want := Waiting
		if id == granted {
			want = Granted
		} else if slices.Contains(shed, id) {
			want = Shed
		}
		if w.Verdict() != want {
			t.Fatalf("%s: the verdict on %d is %d, by the book %d", at, id, w.Verdict(), want)
		}
		shed = slices.DeleteFunc(shed, func(s int) bool { return s == id })
		if id == granted {
			granted = -1
		}
	}
	if len(shed) > 0 || granted >= 0 {
		t.Fatalf("%s: shed %v and granted %d have heard nothing", at, shed, granted)
	}
}

func TestTheQueueIsWhatAModelWithASliceSays(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	runs := 300
	if raceDetector {
		runs = 60
	}
	for run := range runs {
		steps := make([]byte, 400)
		for i := range steps {
			steps[i] = byte(random.IntN(256))
			if random.IntN(10) != 0 { // short pauses, and more arrivals than room in every other run
				steps[i] = byte(random.IntN(4))<<2 | []byte{0, 1, 0, byte(2 - run%2)}[random.IntN(4)]
			}
		}
		runQueue(t, steps, uint8(random.IntN(20)))
	}
}
