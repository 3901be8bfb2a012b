//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/internal/testkit"
)

// redis is a real server that a test can kill, and start again on the same address.
type redis struct {
	t    *testing.T
	ip   string
	cmd  *exec.Cmd
	dead chan struct{}
}

func newRedis(t *testing.T) *redis {
	t.Helper()
	r := &redis{t: t, ip: loopback()}
	r.begin()
	t.Cleanup(r.kill)
	return r
}

func (r *redis) addr() string { return r.ip + ":6379" }

// begin starts the server and returns when it takes connections.
func (r *redis) begin() {
	r.t.Helper()
	program := testkit.Require(r.t, "redis-server")
	r.cmd = exec.Command(program, "--bind", r.ip, "--port", "6379", "--save", "", "--appendonly", "no", "--requirepass", "hunter2")
	r.cmd.Dir = r.t.TempDir()
	if err := startDying(r.cmd); err != nil {
		r.t.Fatal(err)
	}
	r.dead = make(chan struct{})
	go func() { // waits for the server; ends with it
		defer close(r.dead)
		_ = r.cmd.Wait() // it is killed
	}()
	eventually(r.t, "redis takes connections", func() bool {
		nc, err := net.Dial("tcp", r.addr())
		if err == nil {
			_ = nc.Close() // nothing was said
		}
		return err == nil
	})
}

func (r *redis) kill() {
	_ = r.cmd.Process.Signal(syscall.SIGKILL) // it may be dead
	<-r.dead
}

// sharing is three nodes that have a limit in common.
type sharing struct {
	rate, burst int
	onFailure   string
	timeout     time.Duration
}

// grants is what a node may hold of the burst.
func (s sharing) grants() int { return s.burst / 50 }

func (s sharing) nodes(t *testing.T, r *redis) (nodes [3]*child) {
	t.Helper()
	for i := range nodes {
		nodes[i] = start(t, fmt.Sprintf(`
[listeners.web]
address = "{ip}:8080"
[[routes]]
match = { path = "/limited" }
respond = { status = 200, body = "in" }
policies = ["common"]
[[routes]]
match = { path = "/free" }
respond = { status = 200, body = "in" }
[policies.common]
rate_limit = [{ key = "route", rate = "%d/s", burst = %d, scope = "shared" }]
[shared]
redis = "redis://{redis}/0"
password = "hunter2"
on_failure = "%s"
timeout = "%v"
`, s.rate, s.burst, s.onFailure, s.timeout), "redis", r.addr())
	}
	return nodes
}

// callers is what clients of the nodes were answered. Each makes a request some time after the answer before. Every other one
// is for a route without a limit: what the machine does to that one, it does to all.
type callers struct {
	*load

	mu sync.Mutex
	answers
	slow []wait // without a limit, and longer than patienceWithRedis: ever
}

// wait is for how long a request was not answered.
type wait struct {
	since time.Time
	took  time.Duration
}

// meets reports whether the two were not answered at the same time.
func (w wait) meets(other wait) bool {
	return w.since.Before(other.since.Add(other.took)) && other.since.Before(w.since.Add(w.took))
}

type answers struct {
	began         time.Time
	status        map[int]int   // of requests with a limit
	mute          int           // refusals without a word on when to come again
	longest, free time.Duration // with a limit, and without
	slow          []wait        // with a limit, and longer than patienceWithRedis
}

// newCallers begins the load: nine tenths of it on the first node. Two clients of each node ask for nothing but the route without
// a limit: while a node stands still, they do.
func newCallers(t *testing.T, nodes [3]*child) *callers {
	c := &callers{load: newLoad(t)}
	c.reset()
	for i, n := range nodes {
		for range []int{18, 1, 1}[i] {
			c.running.Go(func() {
				c.each(n.at(8080), func(nc net.Conn, r *bufio.Reader) error {
					if err := c.use(nc, r, "/free", callersPause); err != nil {
						return err
					}
					return c.use(nc, r, "/limited", callersPause)
				})
			})
		}
		for range 2 {
			c.running.Go(func() {
				c.each(n.at(8080), func(nc net.Conn, r *bufio.Reader) error { return c.use(nc, r, "/free", 5*callersPause) })
			})
		}
	}
	return c
}

const callersPause = 2 * time.Millisecond

// use asks once and then pauses.
func (c *callers) use(nc net.Conn, r *bufio.Reader, path string, pause time.Duration) error {
	before := time.Now()
	if _, err := io.WriteString(nc, "GET "+path+" HTTP/1.1\r\nHost: weir.test\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	took := time.Since(before)
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	c.note(resp, path, wait{before, took})
	select {
	case <-c.ctx.Done():
	case <-time.After(pause):
	}
	return nil
}

func (c *callers) note(resp *http.Response, path string, w wait) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if path == "/free" {
		if c.free = max(c.free, w.took); w.took > patienceWithRedis {
			c.slow = append(c.slow, w)
		}
		return
	}
	c.status[resp.StatusCode]++
	if c.longest = max(c.longest, w.took); w.took > patienceWithRedis {
		c.answers.slow = append(c.answers.slow, w)
	}
	if resp.StatusCode != 200 && resp.Header.Get("Retry-After") == "" {
		c.mute++
	}
}

// reset begins a new count and returns the one before, with the seconds that it took.
func (c *callers) reset() (before answers, seconds float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, c.answers = c.answers, answers{began: time.Now(), status: map[int]int{}}
	return before, time.Since(before.began).Seconds()
}

// patienceWithRedis is what no request may wait for longer.
const patienceWithRedis = 50 * time.Millisecond

// check wants that nobody waited longer than that, but for what befell requests without a limit too at the same time.
func (c *callers) check(t *try, a *answers, when string, seconds float64) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Logf("%s for %.2f s: %v, the longest after %v, without a limit after %v", when, seconds, a.status, short(a.longest), short(a.free))
	for _, w := range a.slow {
		most := patienceWithRedis
		for _, free := range c.slow {
			if free.meets(w) {
				most = max(most, 2*free.took)
			}
		}
		if w.took > patienceWithRedis+most {
			t.tooSlow("%s: a request took %v, without a limit at most %v", when, w.took, most/2)
		}
	}
	if a.mute > 0 {
		t.Errorf("%s: %d refusals without Retry-After", when, a.mute)
	}
}

// ofShared returns what a node shows of what it shares.
func ofShared(n *child, family, word string) float64 {
	return n.metrics().sum(family, `policy="shared"`, word)
}

func TestThreeProcessesShareALimit(t *testing.T) {
	t.Parallel()
	bestOf(t, shareALimit)
}

func shareALimit(t *try) {
	s := sharing{rate: 500, burst: 100, onFailure: "closed", timeout: time.Second}
	nodes := s.nodes(t.T, newRedis(t.T))
	c := newCallers(t.T, nodes)
	<-time.After(3 * time.Second)
	c.stop()
	got, seconds := c.reset()
	c.clean(t.T)
	c.check(t, &got, "sharing", seconds)
	exact := float64(s.burst) + float64(s.rate)*seconds
	most := exact + float64(3*s.grants())
	n := float64(got.status[200])
	if n > most {
		t.Errorf("%.0f were admitted, want about %.0f and at most %.0f", n, exact, most)
	}
	// While the machine stands still for longer, a full bucket runs over.
	if still := got.free.Seconds() * float64(s.rate); n < 0.95*exact && still < float64(s.burst)/4 {
		t.tooSlow("%.0f were admitted, want about %.0f", n, exact)
	}
	if got.status[429] == 0 {
		t.tooSlow("answers: %v, none 429", got.status)
	}
	if len(got.status) > 2 {
		t.Errorf("answers: %v, want 200 and 429", got.status)
	}
	nodes[0].mustReload() // keeps what it knows
	if ofShared(nodes[0], "weir_policy_level", `level="keys"`) != 1 || ofShared(nodes[0], "weir_policy_level", `level="down"`) != 0 ||
		ofShared(nodes[0], "weir_policy_events_total", `event="asked"`) == 0 {
		t.Errorf("the metrics don't tell of the shared key: %v", nodes[0].metrics().series("weir_policy_level"))
	}
}

// outage is the story of a server that is killed under load and comes back.
type outage struct {
	onFailure string
	down      time.Duration
	hangs     bool // it is there, and does not answer
	// refusal is what those are told that are not admitted while it is down; 0: there are none.
	refusal int
	// least and most are how many are admitted then.
	least, most func(seconds float64) float64
}

const (
	outageRate  = 200
	outageBurst = 100
)

func outages(down time.Duration) []outage {
	return []outage{
		{
			onFailure: "local", down: down, refusal: 429,
			// The first node has more than its limit, the two others not, and at most as much.
			least: func(seconds float64) float64 { return 0.5 * outageRate * seconds },
			most:  func(seconds float64) float64 { return 3 * (outageBurst + outageRate*seconds) },
		},
		{
			onFailure: "local", down: down, hangs: true, refusal: 429,
			least: func(seconds float64) float64 { return 0.5 * outageRate * seconds },
			most:  func(seconds float64) float64 { return 3 * (outageBurst + outageRate*seconds) },
		},
		{
			onFailure: "open", down: down,
			least: func(seconds float64) float64 { return outageRate * seconds },
			most:  func(float64) float64 { return math.Inf(1) },
		},
		{
			onFailure: "closed", down: down, refusal: 503,
			least: func(float64) float64 { return 0 },
			most:  func(float64) float64 { return outageBurst }, // what the nodes held
		},
	}
}

func TestServerOfSharedLimitsThatIsAway(t *testing.T) {
	for _, o := range outages(1500 * time.Millisecond) {
		t.Run(o.name(), func(t *testing.T) { t.Parallel(); bestOf(t, o.tell) })
	}
}

func (o outage) name() string {
	if o.hangs {
		return o.onFailure + ", and it hangs"
	}
	return o.onFailure
}

// begin takes the server away, end brings it back.
func (o outage) begin(r *redis) {
	if o.hangs {
		_ = r.cmd.Process.Signal(syscall.SIGSTOP) // it runs
	} else {
		r.kill()
	}
}

func (o outage) end(r *redis) {
	if o.hangs {
		_ = r.cmd.Process.Signal(syscall.SIGCONT) // it runs
	} else {
		r.begin()
	}
}

func (o outage) tell(t *try) {
	server := newRedis(t.T)
	s := sharing{rate: outageRate, burst: outageBurst, onFailure: o.onFailure, timeout: 40 * time.Millisecond}
	nodes := s.nodes(t.T, server)
	c := newCallers(t.T, nodes)
	c.await(t.T, 200)
	o.begin(server)
	c.reset()
	<-time.After(o.down)
	got, seconds := c.reset()
	c.check(t, &got, "down", seconds)
	if ofShared(nodes[0], "weir_policy_level", `level="down"`) != 1 || ofShared(nodes[0], "weir_policy_events_total", `event="alone"`) == 0 {
		t.Error("the metrics don't tell that the server is away")
	}
	if n := float64(got.status[200]); n > o.most(seconds) {
		t.Errorf("down: %.0f were admitted, want %.0f to %.0f", n, o.least(seconds), o.most(seconds))
	} else if n < o.least(seconds) {
		t.tooSlow("down: %.0f were admitted, want %.0f to %.0f", n, o.least(seconds), o.most(seconds))
	}
	for code := range got.status {
		if code != 200 && code != 429 && code != o.refusal {
			t.Errorf("down: answers of %d", code)
		}
	}
	if o.refusal != 0 && got.status[o.refusal] == 0 {
		t.tooSlow("down: %v, want refusals with %d", got.status, o.refusal)
	}
	o.end(server)
	for _, n := range nodes {
		eventually(t.T, "a node has its server again", func() bool { return strings.Contains(n.stderr.String(), "answers again") })
	}
	c.reset()
	<-time.After(time.Second)
	got, seconds = c.reset()
	c.check(t, &got, "back", seconds)
	c.stop()
	c.clean(t.T)
	for _, n := range nodes {
		if strings.Contains(n.stderr.String(), "hunter2") {
			t.Error("the log shows the password")
		}
		if strings.Count(n.stderr.String(), "does not answer") > 1 {
			t.Log("the machine is too busy for a server that answers within 40 ms")
			return
		}
	}
	most := float64(outageBurst+3*s.grants()) + outageRate*seconds
	n := float64(got.status[200])
	if n > most {
		t.Errorf("back: %v, want at most %.0f admitted", got.status, most)
	}
	if n < 0.5*outageRate*seconds || got.status[503] > 0 { // 503: the server was asked, and took more than 40 ms
		t.tooSlow("back: %v, want at least half of %.0f admitted", got.status, most)
	}
}

// A quota of all nodes outlasts them: what they held when they stopped is there for those that come.
func TestThreeProcessesShareAQuota(t *testing.T) {
	t.Parallel()
	server := newRedis(t)
	const limit = 3000
	left := limit
	for round := range 2 {
		var nodes [3]*child
		for i := range nodes {
			nodes[i] = start(t, fmt.Sprintf(`
[listeners.web]
address = "{ip}:8080"
[[routes]]
match = { path = "/limited" }
respond = { status = 200, body = "in" }
policies = ["common"]
[policies.common]
quota = { key = "route", limit = %d, per = "month", scope = "shared" }
[shared]
redis = "redis://{redis}"
password = "hunter2"
timeout = "1s"
`, limit), "redis", server.addr())
		}
		asked := [][3]int{{1200, 300, 100}, {1000, 1000, 1000}}[round]
		admitted := quotaTaken(t, nodes, asked)
		sum := asked[0] + asked[1] + asked[2]
		// Of the last of a quota each node may hold a grant that others ask for in vain.
		if least := min(sum, left-2*60); admitted > min(sum, left) || admitted < least {
			t.Errorf("round %d: %d of %d were admitted, want %d to %d", round, admitted, sum, least, min(sum, left))
		}
		left -= admitted
		for _, n := range nodes {
			n.signal(syscall.SIGTERM)
		}
		for _, n := range nodes {
			if code := n.awaitExit(patience); code != 0 {
				t.Errorf("a node ended with %d", code)
			}
		}
	}
}

// quotaTaken makes so many requests of each node and returns how many of all were admitted.
func quotaTaken(t *testing.T, nodes [3]*child, requests [3]int) (admitted int) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	for i, n := range nodes {
		w := dial(t, n.at(8080))
		all.Go(func() {
			for range requests[i] {
				status, _ := w.get("/limited")
				mu.Lock()
				if status == 200 {
					admitted++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return admitted
}
