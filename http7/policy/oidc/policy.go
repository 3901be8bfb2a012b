// Package oidc is the policy that signs people in with an OpenID provider (OpenID Connect Core 1.0, authorisation code with
// PKCE) and knows them again by a sealed cookie.
//
// gateway compiles it; the hall runs its steps. What the protocol asks for is done by github.com/coreos/go-oidc and
// golang.org/x/oauth2, over internal/fetch.
package oidc

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"weir/http7"
	"weir/http7/credential"
	"weir/http7/policy"
	"weir/internal/conf"
	"weir/internal/fetch"
	"weir/internal/verified"
)

// Scheme is the [http7.Identity.Scheme] of those who have signed in.
const Scheme = "oidc"

// Compile returns the steps of c for a bundle, none if it is off: one that serves the policy's own paths, one that reads
// sessions, one that sends browsers without an identity to the provider, all at stage identify, and one at stage rewrite that
// tells the endpoint. It refuses what Check reports. needs nil is for a check.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	p, err := compile(c, bundle+".oidc", needs)
	if err != nil {
		return nil, fmt.Errorf("%s.oidc: %w", bundle, err)
	}
	reads := http7.Step{Name: p.name, Bundle: bundle, Stage: http7.Identify, Blocks: true, Establishes: true, Challenge: p.challenge, Request: reader{p}, Response: reader{p}}
	sends := http7.Step{Name: p.name + ".login", Bundle: bundle, Stage: http7.Identify, Blocks: true, Required: true, Reads: []string{readsMode, readsAccept}, Request: sender{p}, Response: sender{p}}
	if c.Mode == conf.Observe {
		p.observes = true
		reads.Mode, sends.Mode = http7.Observe, http7.Observe
		reads.Response, sends.Response = nil, nil
		return p.steps(reads, sends, c.Redirect), nil
	}
	paths := http7.Step{Name: p.name + ".paths", Bundle: bundle, Stage: http7.Identify, Blocks: true, Request: doorman{p}}
	tells := http7.Step{Name: p.name + ".forward", Bundle: bundle, Stage: http7.Rewrite, Request: teller{p}, Sets: p.forward.Sets(), Edits: p.forward.Edits()}
	tells.Cookies, tells.PassesCookies = p.jar.names(), c.Pass
	if !c.Pass {
		tells.Edits = append(tells.Edits, http7.Edit{Name: "cookie"})
	}
	if p.tellsAccess { // not among Sets: that would take it from the other policies of the listener
		tells.Edits = append(tells.Edits, http7.Edit{Name: "authorization"})
	}
	return append([]http7.Step{paths}, append(p.steps(reads, sends, c.Redirect), tells)...), nil
}

func (p *site) steps(reads, sends http7.Step, redirects bool) []http7.Step {
	if redirects {
		return []http7.Step{reads, sends}
	}
	return []http7.Step{reads}
}

// site is the policy's compiled form. It never changes.
type site struct {
	name, challenge string
	observes        bool
	issuer          string
	callback        string
	shown           []byte // in place of the callback's target
	logout          string
	afterLogout     string
	external        string // scheme and host; "" for what each request asks for
	oauth           oauth2.Config
	parameters      []oauth2.AuthCodeOption
	jar             *jar
	seal            *seal
	lasts, grace    time.Duration
	timeout         time.Duration

	consumer, groups string
	claims           []string
	userinfo         bool
	forward          *credential.Forward
	tellsAccess      bool
	strips           bool

	faults
	kept    *kept
	left    *left
	flights *renewals
	counts  counts
	unknown string // a remark
	now     func() time.Time
}

// counts are events that an operator would like to see.
type counts struct{ logins, loginsFailed, refreshed, refreshFailed, logouts *atomic.Uint64 }

func compile(c *Config, name string, needs *policy.Needs) (*site, error) {
	problems := conf.NewProblems()
	if c.Check(problems); problems.Failed() {
		i := slices.IndexFunc(problems.List(), func(p conf.Problem) bool { return !p.Warning })
		return nil, fmt.Errorf("%s: %s", problems.List()[i].Path, problems.List()[i].Text)
	}
	p := &site{
		name: name, issuer: c.Issuer, callback: c.Callback, shown: []byte(c.Callback + "?***"), logout: c.Logout, afterLogout: c.AfterLogout,
		external: strings.TrimSuffix(c.ExternalURL, "/"), jar: newJar(c.Cookie, c.Secure),
		lasts: c.Session.Value(), grace: c.RefreshGrace.Value(), timeout: c.Timeout.Value(), consumer: c.Consumer, groups: c.GroupsClaim,
		userinfo: c.UserInfo, tellsAccess: c.AccessToken, strips: !c.Pass, faults: newFaults(),
		unknown: name + ":unknown: would ask " + fetch.HostOf(c.Issuer), now: time.Now,
	}
	p.challenge = `Cookie realm="` + name + `", cookie-name="` + p.jar.chunks[0] + `"`
	p.oauth = oauth2.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), Scopes: scopes(c.Scopes)}
	for _, key := range slices.Sorted(maps.Keys(c.Parameters)) {
		p.parameters = append(p.parameters, oauth2.SetAuthURLParam(key, c.Parameters[key]))
	}
	var err error
	if p.forward, err = credential.NewForward(c.Forward); err != nil {
		return nil, err
	}
	p.claims = append(append(slices.Sorted(maps.Values(c.Forward)), c.Claims...), c.Consumer, c.GroupsClaim, "sub")
	if p.seal, err = newSeal(c.secrets(), c.Issuer, c.ClientID); err != nil || needs == nil {
		return p, err
	}
	p.count(needs)
	if p.left, err = policy.Adopt(needs.Turn, fmt.Sprintf("oidc left\x00%q %q", c.Issuer, c.ClientID), func() (*left, error) {
		return &left{ids: verified.New[struct{}](endedBytes), states: verified.New[struct{}](finishedBytes)}, nil
	}); err != nil {
		return nil, err
	}
	if p.flights, err = policy.Adopt(needs.Turn, fmt.Sprintf("oidc renewals\x00%q %q", c.Issuer, c.ClientID), func() (*renewals, error) {
		return &renewals{}, nil
	}); err != nil {
		return nil, err
	}
	p.kept, err = keep(c, p, needs)
	return p, err
}

// scopes returns list with openid in it.
func scopes(list []string) []string {
	if slices.Contains(list, scopeOpenID) {
		return list
	}
	return append([]string{scopeOpenID}, list...)
}

// secrets returns what cookies are sealed with.
func (c *Config) secrets() (all []string) {
	for _, s := range c.CookieKey {
		if text := s.Reveal(); text != "" {
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		all = []string{c.ClientSecret.Reveal()}
	}
	return all
}

func (p *site) count(needs *policy.Needs) {
	p.counts = counts{
		logins: needs.Counted(p.name, "login"), loginsFailed: needs.Counted(p.name, "login_failed"),
		refreshed: needs.Counted(p.name, "refresh"), refreshFailed: needs.Counted(p.name, "refresh_failed"),
		logouts: needs.Counted(p.name, "logout"),
	}
}

// kept is what survives a reload: the connections, what is known of the provider, opened sessions.
type kept struct {
	client   *fetch.Client
	finder   *finder
	sessions *verified.Table[*session]
	gauge    func()
}

// left are the sessions that were ended here, and the logins that were finished: their cookies could be shown again. They
// outlive every reload, whatever it changes, and are those of all policies that know the same cookies.
type left struct {
	ids    *verified.Table[struct{}]
	ends   atomic.Int64
	states *verified.Table[struct{}]
}

// Close implements [policy.Ender].
func (*left) Close() {}

// end ends a session until it would have ended by itself.
func (l *left) end(s *session, now time.Time) {
	l.ids.Put(s.id, struct{}{}, 0, s.end, now)
	l.ends.Add(1)
}

// has reports whether a session was ended.
func (l *left) has(s *session, now time.Time) bool {
	return l.ends.Load() > 0 && l.ids.Get(s.id, now) != nil
}

// finish makes a login one that nobody comes back from again.
func (l *left) finish(state string, now time.Time) {
	l.states.Put([]byte(state), struct{}{}, 0, now.Add(loginLasts), now)
}

// finished reports whether somebody has come back from a login.
func (l *left) finished(state string, now time.Time) bool {
	return l.states.Get([]byte(state), now) != nil
}

const (
	sessionBytes  = 64 << 20
	endedBytes    = 16 << 20
	finishedBytes = 4 << 20
)

// Close lets the connections go. Refreshes that are under way end with their timeouts.
func (k *kept) Close() {
	k.client.Close()
	k.gauge()
}

// keep returns what is kept as long as nothing changes that it depends on.
func keep(c *Config, p *site, needs *policy.Needs) (*kept, error) {
	bounds, sum := fetch.Config{Timeout: p.timeout}, ""
	if c.TLS != nil {
		compiled, wrong := c.TLS.Compile(conf.ReadFile)
		if wrong != nil {
			return nil, wrong
		}
		bounds.TLS, sum = compiled, string(compiled.Sum[:])
	}
	key := fmt.Sprintf("%s\x00%q %q %q %q %q %q %q %t %s %x %x", p.name, c.Issuer, c.ClientID, c.Algorithms, p.claims, c.Consumer, c.GroupsClaim,
		c.Forward, c.AccessToken, c.Timeout, p.seal.sum, sum)
	return policy.Adopt(needs.Turn, key, func() (*kept, error) {
		k := &kept{client: fetch.New(bounds), sessions: verified.New[*session](sessionBytes)}
		k.finder = newFinder(c, k.client.HTTP())
		k.gauge = needs.Gauged(p.name, "sessions", func() float64 { n, _ := k.sessions.Size(); return float64(n) })
		return k, nil
	})
}

func newFinder(c *Config, client *http.Client) *finder {
	return &finder{issuer: c.Issuer, client: c.ClientID, secret: !c.ClientSecret.IsZero(), algorithms: c.Algorithms, http: client,
		now: time.Now, asking: make(chan struct{}, 1)}
}
