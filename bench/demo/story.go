package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"weir/internal/term"
)

// story kills and revives one endpoint while the lanes run, and takes down what can be seen of it.
type story struct {
	stage         *stage
	lanes         []*lane
	hero          *endpoint // who dies
	length        time.Duration
	killAt        time.Duration
	reviveAt      time.Duration
	begun         time.Time
	admin         http.Client
	mu            sync.Mutex
	events        []event
	counts        []tally // of each endpoint, at the last two ticks
	states        map[string]string
	killed, alive time.Duration // when it happened; 0: not yet
	out, back     bool          // noticed and told
}

// event is one line of the story.
type event struct {
	at   time.Duration
	text string
}

// tally is how much an endpoint had served at the latest tick, and how fast it was between the latest two.
type tally struct {
	served    int64
	at        time.Time
	perSecond float64
}

func newStory(s *stage, length time.Duration) *story {
	asks := s.targets()
	return &story{
		stage: s, hero: s.apis[1], length: length, killAt: length * 3 / 10, reviveAt: length * 6 / 10, begun: time.Now(),
		lanes: []*lane{
			{name: "web", kind: "http", address: s.web, ask: asks[0]},
			{name: "secure", kind: "https", address: s.secure, ask: asks[1]},
			{name: "echo", kind: "tcp", address: s.echo, ask: asks[2]},
		},
		admin:  http.Client{Timeout: time.Second},
		counts: make([]tally, len(s.endpoints())),
		states: make(map[string]string),
	}
}

func (s *story) now() time.Duration { return time.Since(s.begun) }

func (s *story) tell(at time.Duration, format string, args ...any) {
	s.events = append(s.events, event{at, fmt.Sprintf(format, args...)})
}

// run plays until ctx ends: it looks around twenty times a second.
func (s *story) run(ctx context.Context) {
	defer s.admin.CloseIdleConnections()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		states := s.ask(ctx)
		s.mu.Lock()
		s.act()
		s.notice(states)
		s.sample()
		s.mu.Unlock()
	}
}

// act kills and revives the hero in due time.
func (s *story) act() {
	switch now := s.now(); {
	case s.killed == 0 && now >= s.killAt:
		n := s.hero.kill()
		s.killed = now
		s.tell(now, "%s killed: its listener closed, %s reset", s.hero.name, term.Plural(int64(n), "connection"))
	case s.killed != 0 && s.alive == 0 && now >= s.reviveAt:
		if err := s.hero.revive(); err != nil {
			return // someone holds the port: tried again at the next tick, and the verdict tells
		}
		s.alive = now
		s.tell(now, "%s revived at its old address", s.hero.name)
	}
}

// notice tells when the gateway takes the hero out and when its traffic is back.
func (s *story) notice(states map[string]string) {
	if states != nil {
		s.states = states
	}
	state := s.states[s.hero.address]
	if !s.out && s.killed != 0 && s.alive == 0 && state != "" && state != "ready" {
		s.out = true
		s.tell(s.now(), "%s out of rotation, %.1f s after it died", s.hero.name, (s.now() - s.killed).Seconds())
	}
	if first := s.hero.first.Load(); !s.back && s.alive != 0 && first != 0 {
		s.back = true
		at := time.Unix(0, first).Sub(s.begun)
		s.tell(at, "%s back in rotation, %.1f s after it was revived", s.hero.name, max(0, at-s.alive).Seconds())
	}
}

// sample measures each endpoint's rate once a second.
func (s *story) sample() {
	now := time.Now()
	for i, e := range s.stage.endpoints() {
		c := &s.counts[i]
		if past := now.Sub(c.at); past >= time.Second {
			served := e.served.Load()
			if !c.at.IsZero() {
				c.perSecond = float64(served-c.served) / past.Seconds()
			}
			c.served, c.at = served, now
		}
	}
}

// ask returns the gateway's own view of its endpoints by address, or nil if its admin API does not say.
func (s *story) ask(ctx context.Context) map[string]string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.stage.admin+"/status", nil)
	if err != nil {
		return nil
	}
	answer, err := s.admin.Do(request)
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	var status struct {
		Upstreams []struct {
			Endpoints []struct{ Address, State string }
		}
	}
	if answer.StatusCode != http.StatusOK || json.NewDecoder(answer.Body).Decode(&status) != nil {
		return nil
	}
	states := make(map[string]string)
	for _, u := range status.Upstreams {
		for _, e := range u.Endpoints {
			states[e.Address] = e.State
		}
	}
	return states
}

// view is what the table shows at one moment.
type view struct {
	now, length time.Duration
	lanes       []laneView
	endpoints   []endpointView
	events      []event
}

// endpointView is what the table shows of an endpoint.
type endpointView struct {
	name, address, state string
	perSecond            float64
	served               int64
	share                float64 // of its upstream's requests in the last second, 0 to 1
}

// States as the table shows them.
const (
	inRotation = "in rotation"
	killed     = "killed"
	waiting    = "waiting" // alive, without traffic yet
)

func (s *story) view() view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := view{now: min(s.now(), s.length), length: s.length, events: s.events[:len(s.events):len(s.events)]}
	for _, l := range s.lanes {
		v.lanes = append(v.lanes, l.view())
	}
	all := 0.0
	for i := range s.stage.apis {
		all += s.counts[i].perSecond
	}
	for i, e := range s.stage.endpoints() {
		w := endpointView{name: e.name, address: e.address, state: s.state(e), perSecond: s.counts[i].perSecond, served: e.served.Load()}
		if e == s.stage.echoes {
			w.share = 1
		} else if all > 0 {
			w.share = w.perSecond / all
		}
		v.endpoints = append(v.endpoints, w)
	}
	return v
}

// state puts what the demo did and what the gateway says into one word.
func (s *story) state(e *endpoint) string {
	switch said := s.states[e.address]; {
	case e.dead():
		return killed
	case e.first.Load() == 0:
		return waiting
	case said == "" || said == "ready":
		return inRotation
	default:
		return said
	}
}
