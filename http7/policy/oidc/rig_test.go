package oidc

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/internal/conf"
)

// rig is Weir with the policy, in front of an endpoint that tells what it got, and a provider beside it.
type rig struct {
	t      testing.TB
	idp    *idp
	server *httptest.Server
	site   *site
	steps  []http7.Step
	ways   *http7.Ways
	clock  atomic.Int64 // what the policy's clock is ahead
	events sync.Map     // counters by event
	held   *policy.Kept
	turn   *policy.Turn

	mu   sync.Mutex
	seen []string // faults and causes
	dry  bool
}

// configured returns a config for the provider, changed as a test wants it.
func configured(p *idp, change func(*Config)) *Config {
	c := Default()
	c.Issuer, c.ClientID, c.ClientSecret = p.server.URL, clientID, conf.SecretText(clientSecret)
	c.Scopes = []string{"openid", "profile", "email", "offline_access"}
	c.Claims, c.Forward = []string{"email", "plan"}, map[string]string{"X-User": "sub", "X-Groups": "groups"}
	if change != nil {
		change(&c)
	}
	return &c
}

func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, idp: newIDP(t), held: policy.NewKept()}
	r.server = httptest.NewTLSServer(r)
	t.Cleanup(r.server.Close)
	r.idp.weir = r.server.URL
	r.turn = r.held.Begin()
	r.load(configured(r.idp, change), r.needs(r.turn))
	return r
}

// reload serves a changed config; what it keeps of the last one is what the policy adopts.
func (r *rig) reload(change func(*Config)) {
	r.t.Helper()
	turn := r.held.Begin()
	r.load(configured(r.idp, change), r.needs(turn))
	r.turn.End()
	r.turn = turn
}

func newTurn() *policy.Turn { return policy.NewKept().Begin() }

// needs returns what a gateway would give.
func (r *rig) needs(turn *policy.Turn) *policy.Needs {
	return &policy.Needs{
		Log: slog.New(slog.DiscardHandler), Turn: turn,
		Counted: func(_, event string) *atomic.Uint64 {
			n, _ := r.events.LoadOrStore(event, new(atomic.Uint64))
			return n.(*atomic.Uint64)
		},
		Gauged: func(string, string, func() float64) func() { return func() {} },
	}
}

// load compiles a config and serves it from here on.
func (r *rig) load(c *Config, needs *policy.Needs) {
	r.t.Helper()
	steps, err := Compile(c, "edge", needs)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range steps {
		if p, ok := steps[i].Request.(reader); ok {
			r.site = p.site
		}
	}
	r.site.now = r.now
	r.site.kept.finder.now = r.now
	r.ways = &http7.Ways{Absent: &http7.Fault{Name: "absent", Status: 401, Extra: "WWW-Authenticate: " + r.site.challenge + "\r\n"}}
	r.steps = nil
	for _, s := range steps {
		if s.Establishes {
			s.Request = r.ways.Wrap(s.Request)
		}
		r.steps = append(r.steps, s)
	}
	at := slices.IndexFunc(r.steps, func(s http7.Step) bool { return s.Stage > http7.Identify })
	if at < 0 {
		at = len(r.steps)
	}
	r.steps = slices.Insert(r.steps, at, http7.Step{Name: "edge.identity", Request: r.ways.Required()})
}

func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.clock.Load())) }

// later makes it so much later for the policy.
func (r *rig) later(d time.Duration) { r.clock.Add(int64(d)) }

func (r *rig) event(name string) uint64 {
	if n, ok := r.events.Load(name); ok {
		return n.(*atomic.Uint64).Load()
	}
	return 0
}

// ServeHTTP passes a request through the steps as the hall does.
func (r *rig) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	x := &http7.Exchange{Conn: &http7.Conn{Listener: "web"}, Arrival: time.Now(), Dry: r.dry}
	http7.FillRequest(x, q)
	r.decide(x)
	for _, s := range slices.Backward(r.steps) {
		if s.Response != nil {
			s.Response.Response(x)
		}
	}
	a := x.Answer
	r.mu.Lock()
	if x.Fault != nil {
		r.seen = append(r.seen, fmt.Sprintf("%s: %v", x.Fault.Name, x.Cause))
	}
	r.mu.Unlock()
	a.Header.DrainTo(w.Header(), http7.Names(http7.ContentLength), "")
	w.WriteHeader(a.Status)
	for a.Source != nil {
		chunk, s, _ := a.Source.Next()
		_, _ = w.Write(chunk)
		if s != http7.Chunk {
			break
		}
	}
}

// decide runs the requests of the steps; without an answer of theirs the endpoint answers with what it got.
func (r *rig) decide(x *http7.Exchange) {
	for _, s := range r.steps {
		if s.Request == nil {
			continue
		}
		switch v := s.Request.Request(x); {
		case v.Act == http7.Go:
		case v.Fault != nil && s.Mode == http7.Observe:
			x.Verdicts = append(x.Verdicts, s.Name+":would refuse: "+v.Fault.Name)
		case v.Fault != nil:
			http7.FaultAnswer(x, v.Fault)
			return
		default:
			return
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\nconsumer %s\ngroups %s\nscopes %s\n", x.Method, x.Path, x.Consumer, x.Groups, x.Scopes)
	for _, c := range x.Claims {
		fmt.Fprintf(&b, "claim %s=%s\n", c.Name, c.Value)
	}
	for _, remark := range x.Verdicts {
		fmt.Fprintf(&b, "remark %s\n", remark)
	}
	for name, value := range x.Request.All() {
		if n := string(name); strings.HasPrefix(n, "X-") || n == "Cookie" || n == "Authorization" {
			fmt.Fprintf(&b, "%s: %s\n", n, value)
		}
	}
	a := x.LocalAnswer(200)
	a.Source = http7.NewBytes([]byte(b.String()))
}

// faults returns what was refused so far, and why.
func (r *rig) faults() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

// browser is a client as people have them: it keeps cookies, follows redirects, and fills in forms.
type browser struct {
	r      *rig
	client *http.Client
	// path are the URLs that it was sent to, without their queries.
	path []string
	// stops ends the way at the first URL that has it.
	stops string
}

func (r *rig) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	b := &browser{r: r, client: &http.Client{Jar: jar, Transport: r.server.Client().Transport, Timeout: 20 * time.Second}}
	b.client.CheckRedirect = func(q *http.Request, _ []*http.Request) error {
		b.path = append(b.path, q.URL.Path)
		if b.stops != "" && strings.Contains(q.URL.String(), b.stops) || len(b.path) > 20 {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b
}

// page is what a browser shows in the end.
type page struct {
	status int
	url    *url.URL
	body   string
	header http.Header
}

// opens navigates to a path of the site.
func (b *browser) opens(path string) page {
	b.r.t.Helper()
	return b.asks("GET", b.r.server.URL+path, nil, "Accept", "text/html,*/*")
}

// asks sends one request, and follows where it leads.
func (b *browser) asks(method, to string, body io.Reader, fields ...string) page {
	b.r.t.Helper()
	b.path = nil
	q, err := http.NewRequest(method, to, body)
	if err != nil {
		b.r.t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		q.Header.Set(fields[i], fields[i+1])
	}
	a, err := b.client.Do(q)
	if err != nil {
		b.r.t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		b.r.t.Fatal(err)
	}
	at := a.Request.URL
	if to, err := a.Location(); err == nil {
		at = to
	}
	return page{a.StatusCode, at, string(text), a.Header}
}

// signsIn fills in the form of the provider on a page.
func (b *browser) signsIn(p page) page {
	b.r.t.Helper()
	if !strings.Contains(p.body, "who are you?") {
		b.r.t.Fatalf("no form at %s: %d %s (%q)", p.url, p.status, p.body, b.r.faults())
	}
	form := url.Values{"username": {ann.Username}, "password": {ann.Password}, "authRequestID": {p.url.Query().Get("authRequestID")}}
	return b.asks("POST", p.url.String(), strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
}

// cookies returns the browser's cookies for the site, by name.
func (b *browser) cookies() map[string]string {
	u, _ := url.Parse(b.r.server.URL)
	all := map[string]string{}
	for _, c := range b.client.Jar.Cookies(u) {
		all[c.Name] = c.Value
	}
	return all
}

// sets puts a cookie into the browser.
func (b *browser) sets(name, value string) {
	u, _ := url.Parse(b.r.server.URL)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}
