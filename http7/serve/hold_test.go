package serve

import (
	"io"
	"strings"
	"testing"

	"weir/http7"
)

// holding holds a body back until its end, and fails then if it is not what it wants.
type holding struct {
	wants  string
	paused chan struct{} // closed at the first pause; nil from then on
	body   []byte
	given  bool
}

func (h *holding) Changes() bool { return false }
func (h *holding) Holds() bool   { return !h.given }

func (h *holding) Write(dst, chunk []byte, how http7.How) ([]byte, int, bool, *http7.Fault) {
	h.body = append(h.body, chunk...)
	if how == http7.Flush && h.paused != nil {
		close(h.paused)
		h.paused = nil
	}
	switch {
	case how != http7.Last:
		return dst, len(chunk), true, nil
	case string(h.body) != h.wants:
		return nil, len(chunk), true, http7.BadAnswerFrame
	}
	h.given = true
	return append(dst, h.body...), len(chunk), true, nil
}

func TestWhatHoldsABodyBackHoldsTheHeadToo(t *testing.T) {
	for wants, answer := range map[string]string{"helloagain": "HTTP/1.1 200 ", "other": "HTTP/1.1 502 "} {
		paused := make(chan struct{})
		p := filtering{answer: func() http7.Filter { return &holding{wants: wants, paused: paused} }}
		r := newRigWith(t, func(r *rig) {
			r.route.Steps = []http7.Step{{Name: "t.f", Stage: http7.Present, Response: p}}
		}, inPieces(t, paused, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nDate: x\r\n\r\n", "helloagain"))
		c := r.dial()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		rest, _ := io.ReadAll(c)
		got := string(rest)
		if !strings.HasPrefix(got, answer) || strings.Contains(got, "hello") != (wants == "helloagain") {
			t.Errorf("%s: got %q", wants, got)
		}
	}
}
