//go:build !race

package mirror

import (
	"strings"
	"testing"

	"weir/http7"
)

// A copy lies in memory that was used before: what remains is what the sender makes.
func TestACopyReusesMemory(t *testing.T) {
	c := config()
	c.Compare = true
	s := newStand(t, c)
	answer := answerOf(200, "Content-Type: text/plain", strings.Repeat("x", 1000))
	fake := answerOf(200, "Content-Type: text/plain", "")
	body := []byte(strings.Repeat("x", 1000))
	src := http7.NewBytes(nil)
	done := make(chan struct{}, 1)
	s.step.Request.(*mirror).needs.Sender = sendFunc(func(*http7.Detached) (*http7.Answer, *http7.Fault) {
		src.Reset(body)
		fake.Source = closing{src, done}
		return fake, nil
	})
	x := visit{method: "POST", body: "12345", header: strings.Repeat("X-Some-Field: with a value of some length\n", 10)}.exchange()
	n := testing.AllocsPerRun(50, func() {
		s.step.Request.Request(x)
		run(x.Body.Filters, "12345", true)
		x.Answer = answer
		s.step.Response.Response(x)
		run(answer.Filters, string(body[:1000]), true)
		s.step.End.End(x, 0)
		x.Body.Filters, answer.Filters = x.Body.Filters[:0], answer.Filters[:0]
		<-done
	})
	if n > 8 { // two strings of the test's own, its source, and what a collection throws away
		t.Errorf("%v allocations", n)
	}
}

// closing says that it was closed.
type closing struct {
	http7.Source
	done chan struct{}
}

func (c closing) Close() { c.done <- struct{}{} }
