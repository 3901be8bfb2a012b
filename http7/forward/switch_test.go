package forward

import (
	"testing"

	"weir/http7"
)

func TestAnEndpointMayOnlySwitchToWhatItWasOffered(t *testing.T) {
	const to = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
	for _, test := range []struct {
		what, offer, answer string
		want                *http7.Fault
	}{
		{"to what was offered", "websocket", to + "websocket\r\n\r\n", nil},
		{"to one of two", "a/1, websocket", to + "WebSocket\r\n\r\n", nil},
		{"to something else", "websocket", to + "h2c\r\n\r\n", http7.BadUpgrade},
		{"to two of which one was offered", "websocket", to + "websocket, h2c\r\n\r\n", http7.BadUpgrade},
		{"to nothing", "websocket", "HTTP/1.1 101 Go\r\n\r\n", http7.BadUpgrade},
		{"to what Connection does not name", "websocket", "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\n", http7.BadUpgrade},
		{"without an offer", "", to + "websocket\r\n\r\n", http7.UnaskedUpgrade},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := scripted(t, nil, saying([]string{test.answer + "behind"}, nil))
			c, _ := s.acquire()
			if test.offer != "" {
				c.MaySwitch([]byte(test.offer))
			}
			c.Ask(get, false)
			f, cause := c.ReadHead([]byte("GET"))
			if f != test.want {
				t.Fatalf("%v, %v; want %v", f, cause, test.want)
			}
			if f == nil {
				if !c.Final() || !c.Headed() || c.Answer.Status != 101 {
					t.Errorf("status %d is final: %v, %v", c.Answer.Status, c.Final(), c.Headed())
				}
				if !http7.EqualFold(c.Upgrade(), "websocket") {
					t.Errorf("switched to %q", c.Upgrade())
				}
			}
			c.Discard() // whatever came, the connection serves no other request
			s.stats(0, 0)
		})
	}
}

func TestWhatComesBehindA101IsTheTunnels(t *testing.T) {
	s := scripted(t, nil, saying([]string{"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\nA: b\r\n\r\nearly bytes"}, nil))
	c, _ := s.acquire()
	c.MaySwitch([]byte("x"))
	c.Ask(get, false)
	for want := range 2 { // 103, then 101
		if f, cause := c.ReadHead([]byte("GET")); f != nil || c.Final() != (want == 1) {
			t.Fatalf("%d: %v, %v", c.Answer.Status, f, cause)
		}
	}
	c.Tunnel()
	if got := string(c.In.Window()); got != "early bytes" {
		t.Errorf("behind the head is %q", got)
	}
	if n := c.Answer.Header.Len(); n != 0 || c.Upgrade() != nil {
		t.Errorf("%d fields of the head are left, and %q", n, c.Upgrade())
	}
	c.Close()
	s.stats(0, 0)
}

func TestAnOfferEndsWithItsAttempt(t *testing.T) {
	s := scripted(t, nil, saying([]string{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, nil))
	c, _ := s.acquire()
	c.MaySwitch([]byte("x"))
	c.Ask(get, false)
	if f, _ := c.ReadHead([]byte("GET")); f != nil {
		t.Fatal(f)
	}
	if _, f := body(c, nil); f != nil {
		t.Fatal(f)
	}
	c.Close()
	s.stats(1, 1)
	again, _ := s.acquire()
	if again != c || again.offer != nil {
		t.Errorf("the next attempt on it may switch to %q", again.offer)
	}
	again.Close()
}
