package health

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weir/lb"
)

// An endpoint that was refused, and then answered 500 for hours, was shown as refused all the time.
func TestAnEndpointThatStaysDownShowsWhyItIsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 2)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: steady()}})
		s.fail(0, errRefused)
		s.run(func() {
			time.Sleep(20 * time.Second)
			synctest.Wait()
			e := s.endpoint(0)
			since, view, changes := e.StateSince(), s.upstream.View(), len(s.changes)
			for _, c := range []struct {
				err error
				why string
			}{
				{errRefused, "connect: connection refused (3 of 3 probes failed)"},
				{errors.New("status 500, want 2xx"), "status 500, want 2xx"},
				{nil, "status 500, want 2xx"}, // one success is not enough to rise
				{errors.New("status 500, want 2xx"), "status 500, want 2xx"},
				{errors.New("status 503, want 2xx"), "status 503, want 2xx"},
				{errRefused, "connect: connection refused"},
			} {
				s.fail(0, c.err)
				s.nextProbe(0)
				synctest.Wait()
				if e.State() != lb.Down || e.Why() != c.why {
					t.Errorf("%v: %v because of %q, want %q", c.err, e.State(), e.Why(), c.why)
				}
			}
			time.Sleep(time.Second) // a view that is due would have come
			synctest.Wait()
			if !e.StateSince().Equal(since) || s.upstream.View() != view || len(s.changes) != changes {
				t.Errorf("another reason made another state since %v, another view (%v), or was told as a change: %v", e.StateSince(), s.upstream.View() != view, s.changes[changes:])
			}
		})
		var still []string
		for line := range strings.Lines(s.log.String()) {
			if strings.Contains(line, "still down") {
				still = append(still, line)
			}
		}
		want := `level=INFO msg="endpoint orders/10.0.0.1:80 still down: status 500, want 2xx" upstream=orders endpoint=10.0.0.1:80 state=down` + "\n"
		if len(still) != 1 || still[0] != want {
			t.Errorf("the log says %q, want %q", still, want)
		}
	})
}

func TestReasonsThatNeverRepeatDoNotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 1)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: steady()}})
		s.fail(0, errRefused)
		s.run(func() {
			time.Sleep(20 * time.Second)
			view := s.upstream.View()
			var last string
			for i := range 2 * 1800 { // about two hours
				last = fmt.Sprintf("malformed HTTP response %q", fmt.Sprint(i))
				s.fail(0, errors.New(last))
				time.Sleep(2 * time.Second)
			}
			synctest.Wait()
			if got := s.endpoint(0).Why(); got != last {
				t.Errorf("after two hours it is down because of %q, want %q", got, last)
			}
			if s.upstream.View() != view {
				t.Error("views were built anew")
			}
		})
		// At once, and 1, 3, 7, 15, 31 and 63 minutes later.
		if n := strings.Count(s.log.String(), "still down"); n != 7 {
			t.Errorf("%d lines in two hours, want 7:\n%s", n, s.log.String())
		}
	})
}

func TestAnotherFallSpeaksAtOnceAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, 1)
		s.monitor.Adopt([]Target{{Upstream: s.upstream, Config: steady()}})
		s.run(func() {
			for range 2 {
				for _, err := range []error{errRefused, errors.New("status 500, want 2xx"), nil} {
					s.fail(0, err)
					time.Sleep(20 * time.Second)
				}
			}
		})
		if n := strings.Count(s.log.String(), "still down: status 500"); n != 2 {
			t.Errorf("%d lines in two falls, want 2:\n%s", n, s.log.String())
		}
	})
}
