package http7

import "testing"

func TestWhatGoesOutReplacesWhatTheClientSent(t *testing.T) {
	for _, c := range []struct {
		what, request, lines string
		skip                 IDSet
		want                 string
	}{
		{"nothing", "Host: h\r\nRange: bytes=0-1\r\n", "", 0, "Host: h\r\nRange: bytes=0-1\r\n"},
		{"a field that is left out", "Host: h\r\nRange: bytes=0-1\r\nX-A: 1\r\nRange: bytes=2-\r\n", "", Names(Range, IfRange), "Host: h\r\nX-A: 1\r\n"},
		{"fields of Weir's", "Host: h\r\n", "If-None-Match: \"a\", \"b:c\"\r\nX-B:2 \r\n", 0, "Host: h\r\nIf-None-Match: \"a\", \"b:c\"\r\nX-B: 2\r\n"},
		{"one in place of another", "IF-none-MATCH: \"theirs\"\r\n", "If-None-Match: \"ours\"\r\n", Names(IfNoneMatch), "If-None-Match: \"ours\"\r\n"},
	} {
		x := &Exchange{Outgoing: Outgoing{Skip: c.skip, Lines: []byte(c.lines)}}
		x.Request = *fill(c.request)
		d := x.Detach()
		if got := string(d.Header.AppendLines(nil, 0)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
		if got := string(x.Request.AppendLines(nil, 0)); got != c.request {
			t.Errorf("%s: the request has become %q", c.what, got)
		}
	}
}

func TestAStayEndsOnceAndIsForgottenWithItsExchange(t *testing.T) {
	var told int
	x := &Exchange{Unstayed: func() { told++ }}
	x.Stay(false) // of one that never stayed nobody need know
	if x.Stays() || x.Stayed() || told != 0 {
		t.Errorf("stays %v, stayed %v, told %d times", x.Stays(), x.Stayed(), told)
	}
	x.Stay(true)
	if !x.Stays() || !x.Stayed() || told != 0 {
		t.Errorf("stays %v, stayed %v, told %d times", x.Stays(), x.Stayed(), told)
	}
	x.Stay(false)
	x.Stay(false)
	if x.Stays() || !x.Stayed() || told != 1 {
		t.Errorf("stays %v, stayed %v, told %d times", x.Stays(), x.Stayed(), told)
	}
	x.Release()
	if x.Stayed() || x.Unstayed != nil {
		t.Error("the next exchange has stayed")
	}
}

func TestInterruptReachesThroughWhatWasLookedAt(t *testing.T) {
	Interrupt(nil)
	Interrupt(NewBytes([]byte("a"))) // has nothing to interrupt
	s := new(interrupted)
	x := &Exchange{}
	x.LocalAnswer(200).Source = s
	x.AnswerAtHand(1)
	Interrupt(x.Answer.Source)
	if *s != 1 {
		t.Errorf("interrupted %d times", *s)
	}
}

// interrupted counts how often it was.
type interrupted int

func (*interrupted) Next() ([]byte, State, *Fault) { return nil, Parked, nil }
func (*interrupted) Await()                        {}
func (*interrupted) Close()                        {}
func (i *interrupted) Interrupt()                  { *i++ }
