package limit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const ms = time.Millisecond

// line is a queue whose waiters have letters.
type line struct {
	t *testing.T
	Queue
	waiters map[rune]*Waiter
}

func newLine(t *testing.T, size int) *line {
	l := &line{t: t, waiters: make(map[rune]*Waiter)}
	l.Resize(size)
	return l
}

// enter lines up one waiter per letter, all at now.
func (l *line) enter(letters string, now time.Duration) {
	l.t.Helper()
	for _, letter := range letters {
		if l.waiters[letter] == nil {
			l.waiters[letter] = &Waiter{}
		}
		if !l.Enter(l.waiters[letter], now) {
			l.t.Errorf("%c finds the queue full", letter)
		}
	}
}

// grant gives room n times and returns who was granted it, with who was shed in lower case.
func (l *line) grant(n int, now, typical time.Duration) string {
	var got []string
	for range n {
		granted := l.Grant(now, typical)
		if v := l.verdicts(); v != "" {
			got = append(got, v)
		}
		if !granted {
			break
		}
	}
	return strings.Join(got, " ")
}

// verdicts receives what has been decided since the last call: those granted as they are, those shed in
// lower case, in alphabetical order.
func (l *line) verdicts() string {
	var out []rune
	for letter, w := range l.waiters {
		select {
		case <-w.Wake:
		default:
			continue
		}
		if w.Verdict() == Shed {
			letter += 'a' - 'A'
		}
		out = append(out, letter)
	}
	slices.Sort(out)
	return string(out)
}

func (l *line) expect(what, got, want string) {
	l.t.Helper()
	if got != want {
		l.t.Errorf("%s: %q, want %q (upper case is granted, lower case is shed)", what, got, want)
	}
}

func TestWhoCameFirstIsServedFirstWhileWaitsAreShort(t *testing.T) {
	l := newLine(t, 10)
	l.enter("ABC", 0)
	l.enter("D", 3*ms)
	l.expect("in order of arrival", l.grant(3, 4*ms, 0), "A B C")
	l.enter("E", 5*ms)
	l.expect("the rest", l.grant(9, 6*ms, 0), "D E")
	if l.Grant(6*ms, 0) || l.Len() != 0 {
		t.Error("somebody is granted room in an empty queue")
	}
}

// stand makes a line stand: the oldest has waited for longer than 5 ms during 300 ms.
func stand(l *line, letters string) {
	l.t.Helper()
	l.enter(letters+"YZ", 0)
	l.expect("at first", l.grant(1, 10*ms, 0), string(letters[0]))
	l.expect("after less than the interval", l.grant(1, 309*ms, 0), string(letters[1]))
	if l.Stats().Standing {
		l.t.Error("the line stands before the interval is over")
	}
}

func TestALineThatStandsIsServedFromItsNewEndAndShedsItsOldest(t *testing.T) {
	l := newLine(t, 10)
	stand(l, "ABCDEFG")
	l.enter("H", 309*ms)
	l.expect("CoDel sheds one of the old, the newest is served", l.grant(1, 310*ms, 0), "Hc")
	l.enter("IJK", 311*ms)
	l.expect("the newest first", l.grant(2, 312*ms, 0), "K J")
	l.enter("L", 605*ms)
	l.expect("the next of the old after an interval", l.grant(1, 609*ms, 0), "L")
	l.enter("MN", 609*ms)
	l.expect("the line has stood for an interval: all that are hopeless go", l.grant(1, 610*ms, 0), "Ndefgiyz")
	l.expect("the last", l.grant(1, 611*ms, 0), "M")
	if s := l.Stats(); s.Standing || s.Shed != 8 || s.Granted != 8 || s.Waiting != 0 {
		t.Errorf("stats are %+v", s)
	}
}

// Two enter and one is served each millisecond, and who has waited for 8 ms leaves, so that the oldest
// is always above the target of 5 ms and never hopeless at 10 ms.
func TestThePaceOfSheddingIsTheControlLaws(t *testing.T) {
	var q Queue
	q.Resize(1000)
	var line []*Waiter
	var sheds []time.Duration
	for now := time.Duration(0); len(sheds) < 30; now += ms {
		for range 2 {
			line = append(line, &Waiter{})
			q.Enter(line[len(line)-1], now)
		}
		for ; now-line[0].entered >= 8*ms; line = line[1:] {
			q.Leave(line[0])
		}
		before := q.Stats().Shed
		q.Grant(now, 0)
		for range q.Stats().Shed - before {
			sheds = append(sheds, now)
		}
	}
	want := sheds[0]
	if want != 309*ms {
		t.Errorf("the first is shed at %v, want 309ms: half of them wait, so the wait is 5 ms since 9ms", want)
	}
	for i, got := range sheds[1:] {
		want += time.Duration(float64(300*ms) / math.Sqrt(float64(i+1)))
		if got < want || got >= want+ms {
			t.Errorf("shed %d is at %v, want %v", i+2, got, want)
		}
	}
}

func TestTheLineTurnsBackOnceWaitsHaveBeenShortForAnInterval(t *testing.T) {
	l := newLine(t, 10)
	stand(l, "ABC")
	l.grant(9, 310*ms, 0)
	for _, c := range []struct {
		enter string
		now   time.Duration
		want  string
	}{
		{"DE", 320 * ms, "E D"}, // still from the new end: the wait is short since just now
		{"FG", 619 * ms, "G F"},
		{"HI", 620 * ms, "H I"}, // since 300 ms
	} {
		l.enter(c.enter, c.now-ms)
		l.expect(fmt.Sprint("at ", c.now), l.grant(2, c.now, 0), c.want)
	}
}

func TestWaitsAreMeasuredByWhatAUseTakes(t *testing.T) {
	l := newLine(t, 10)
	l.enter("ABCDEF", 0)
	typical := 200 * ms
	l.expect("a wait of less than a use is no standing wait", l.grant(1, 150*ms, typical), "A")
	l.expect("nor is a longer one before the interval, four uses, is over", l.grant(2, 300*ms, typical), "B C")
	l.expect("then it is", l.grant(1, 1100*ms, typical), "Fd")
	l.expect("an interval later who has waited for two uses is hopeless", l.grant(1, 1900*ms, typical), "e")
}

func TestTheQueueIsBounded(t *testing.T) {
	l := newLine(t, 2)
	l.enter("AB", 0)
	if l.Enter(&Waiter{}, 0) {
		t.Error("a third enters a queue of two")
	}
	if s := l.Stats(); s.Full != 1 || s.Entered != 2 || s.Waiting != 2 {
		t.Errorf("stats are %+v", s)
	}
	l.Resize(0)
	l.expect("a queue that was closed is served on", l.grant(2, ms, 0), "A B")
	if l.Enter(&Waiter{}, 2*ms) {
		t.Error("somebody enters a closed queue")
	}
}

func TestANewcomerTakesThePlaceOfTheOldestInAFullLineThatStands(t *testing.T) {
	l := newLine(t, 6)
	stand(l, "ABCD")
	l.grant(1, 310*ms, 0)
	l.verdicts()
	l.enter("EFGH", 311*ms)
	l.expect("nobody has gone", l.verdicts(), "")
	l.enter("K", 312*ms)
	l.expect("the oldest goes for the newest", l.verdicts(), "d")
	if l.Len() != 6 {
		t.Errorf("%d wait, want 6", l.Len())
	}
}

func TestWhoLosesTheRaceIsNextAgain(t *testing.T) {
	l := newLine(t, 3)
	l.enter("ABC", 0)
	l.expect("the first", l.grant(1, ms, 0), "A")
	l.enter("D", 2*ms)
	l.enter("A", 2*ms) // although the queue is full
	if got := l.waiters['A'].Losses(); got != 1 {
		t.Errorf("A has lost %d races, want 1", got)
	}
	if got := l.waiters['A'].Entered(); got != 0 {
		t.Errorf("A waits since %v, want since 0", got)
	}
	l.expect("again", l.grant(2, 3*ms, 0), "A B")
	l.enter("A", 120*ms)
	if got := l.waiters['A'].Losses(); got != 0 {
		t.Error("who enters 117 ms after its grant has lost no race")
	}
	l.expect("in its place", l.grant(3, 121*ms, 0), "C D A")
}

func TestWhoLosesTheRaceInAStandingLineIsNextAgain(t *testing.T) {
	l := newLine(t, 10)
	stand(l, "ABC")
	l.grant(1, 310*ms, 0)
	l.enter("DEF", 312*ms)
	l.expect("the newest", l.grant(1, 313*ms, 0), "F")
	l.enter("F", 314*ms)
	l.expect("again", l.grant(2, 314*ms, 0), "F E")
}

func TestLeaving(t *testing.T) {
	l := newLine(t, 10)
	l.enter("ABCDE", 0)
	for _, letter := range "CAE" { // from the middle and both ends
		if !l.Leave(l.waiters[letter]) {
			t.Errorf("%c was waiting and could not leave", letter)
		}
		if l.Leave(l.waiters[letter]) {
			t.Errorf("%c has left twice", letter)
		}
	}
	l.expect("who has stayed", l.grant(9, ms, 0), "B D")
	if l.Leave(l.waiters['B']) {
		t.Error("B leaves after its grant")
	}
	l.enter("A", 2*ms)
	l.expect("a waiter may be used again", l.grant(9, 2*ms, 0), "A")
}

func TestAGrantThatIsDeclinedGoesToTheNext(t *testing.T) {
	l := newLine(t, 10)
	l.enter("ABC", 0)
	l.Grant(ms, 0)
	if l.Leave(l.waiters['A']) {
		t.Error("A was granted room and leaves as if it had waited")
	}
	l.Decline(l.waiters['A'], ms)
	l.expect("A's grant", l.verdicts(), "B")
	l.Decline(l.waiters['A'], ms)
	l.Decline(l.waiters['C'], ms)
	l.expect("who has no grant has none to decline", l.verdicts(), "")
	l.enter("A", 2*ms)
	if got := l.waiters['A'].Losses(); got != 0 {
		t.Error("A has declined and counts as a loser of a race")
	}
	l.expect("in order", l.grant(9, 3*ms, 0), "C A")
}

// An exchange may forget to receive what lies in Wake before it waits again.
func TestAValueThatWasLeftInWakeWakesNobody(t *testing.T) {
	l := newLine(t, 10)
	l.enter("A", 0)
	l.Grant(ms, 0)
	l.enter("A", time.Second)
	l.expect("nothing is decided", l.verdicts(), "")
	l.waiters['A'].Wake <- struct{}{}
	l.expect("a verdict does not wait for room in Wake", l.grant(1, time.Second, 0), "A")
}

// Many goroutines share few places as exchanges share endpoints: who finds none enters the queue, who is
// done grants. Nobody has a timeout, so one lost wake-up would hang the test.
func TestNoWakeUpIsLost(t *testing.T) {
	const users, rounds, places = 16, 2000, 3
	var q Queue
	q.Resize(users)
	var busy, most atomic.Int64
	take := func() bool {
		if n := busy.Add(1); n > places {
			busy.Add(-1)
			return false
		}
		return true
	}
	room := func() bool { return busy.Load() < places }
	begin := time.Now()
	var all sync.WaitGroup
	for user := range users {
		all.Go(func() {
			var w Waiter
			for range rounds {
				for ok := q.Len() == 0 && take(); !ok; ok = take() {
					if !q.Enter(&w, time.Since(begin)) {
						t.Error("the queue is full")
						return
					}
					if room() {
						q.Grant(time.Since(begin), time.Hour) // nobody waits for as long as to be shed
					}
					if <-w.Wake; w.Verdict() != Granted {
						t.Errorf("user %d: the verdict is %d", user, w.Verdict())
						return
					}
				}
				if n := busy.Load(); n > most.Load() {
					most.Store(n)
				}
				busy.Add(-1)
				q.Grant(time.Since(begin), time.Hour)
			}
		})
	}
	all.Wait()
	if q.Len() != 0 || busy.Load() != 0 {
		t.Errorf("%d wait and %d are busy in the end", q.Len(), busy.Load())
	}
}

// Waiters that leave at the same moment as they are granted room: the room must go to somebody.
func TestNoGrantIsLostWhenWaitersLeave(t *testing.T) {
	const waiters, rounds = 8, 500
	var q Queue
	q.Resize(waiters)
	for round := range rounds {
		now := time.Duration(round) * time.Second
		list := make([]Waiter, waiters)
		for i := range list {
			q.Enter(&list[i], now)
		}
		var all sync.WaitGroup
		all.Go(func() { q.Grant(now, 0) })
		for i := range list[1:] {
			all.Go(func() {
				if w := &list[i]; !q.Leave(w) {
					q.Decline(w, now)
				}
			})
		}
		all.Wait()
		select {
		case <-list[waiters-1].Wake: // the only one that stays
		default:
			if q.Len() != 1 {
				t.Fatalf("round %d: %d wait, and the one that stayed has not got the room", round, q.Len())
			}
			t.Fatalf("round %d: the grant was lost", round)
		}
	}
}
