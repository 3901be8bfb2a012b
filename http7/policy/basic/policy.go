// Package basic is the policy that finds out who sends a request by a user name and a password in Authorization
// (RFC 7617), which lie hashed in a file as htpasswd writes it.
//
// gateway compiles it; the hall runs its steps. Hashes for passwords are slow on purpose: what was verified is
// remembered, and only so many are worked on at once. How long a refusal takes does not tell whether there is such a
// user.
package basic

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/internal/conf"
)

// Compile returns the steps of c for a bundle: one at stage identify, and one at stage rewrite that takes name and
// password out and tells the endpoint who it is; none if it is off. Observed it is the first alone. Without needs no
// file is read.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	name := bundle + ".basic"
	problems := conf.NewProblems()
	if c.shape(problems); problems.Failed() {
		return nil, fmt.Errorf("%s: %s: %s", name, problems.List()[0].Path, problems.List()[0].Text)
	}
	parallel := c.Parallel.Value()
	if parallel == 0 {
		parallel = max(1, runtime.GOMAXPROCS(0)/2)
	}
	accounts, err := openAccounts(name, c.UsersFile, parallel, needs)
	if err != nil {
		return nil, fmt.Errorf("%s: users_file: %s: %w", name, c.UsersFile, err)
	}
	p := &policyOf{name: name, accounts: accounts, groups: groupsOf(c.Groups), keep: c.Cache.Value(), timeout: c.Timeout.Value()}
	challenge := c.challenge(bundle)
	p.refusals(challenge)
	p.worked, p.busied = counted(needs, name, "verified"), counted(needs, name, "busy")
	identify := http7.Step{Name: name, Stage: http7.Identify, Request: p, Blocks: true, Establishes: true, Challenge: challenge}
	if c.Mode == conf.Observe {
		identify.Mode = http7.Observe
		return []http7.Step{identify}, nil
	}
	steps := []http7.Step{identify}
	if !c.Pass || len(c.Forward) > 0 {
		steps = append(steps, p.rewrite(c))
	}
	return steps, nil
}

func (c *Config) challenge(bundle string) string {
	realm := c.Realm
	if realm == "" {
		realm = bundle
	}
	return `Basic realm="` + realm + `", charset="UTF-8"`
}

// counted is the counter of an event; one that nobody reads without needs.
func counted(needs *policy.Needs, name, event string) *atomic.Uint64 {
	if needs == nil || needs.Counted == nil {
		return new(atomic.Uint64)
	}
	return needs.Counted(name, event)
}

// policyOf is the compiled form of a Config. It never changes; what its accounts hold does.
type policyOf struct {
	name     string
	accounts *accounts
	groups   map[string]*member
	keep     time.Duration
	timeout  time.Duration
	keeps    bool // for the step at stage rewrite

	wrong, busy    *http7.Fault
	worked, busied *atomic.Uint64
}

// member is what groups a user is in.
type member struct {
	groups []string
	text   []byte
}

func groupsOf(groups map[string][]string) map[string]*member {
	members := map[string]*member{}
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		for _, user := range groups[group] {
			m := members[user]
			if m == nil {
				m = &member{}
				members[user] = m
			}
			if !slices.Contains(m.groups, group) {
				m.groups = append(m.groups, group)
				m.text = []byte(strings.Join(m.groups, ","))
			}
		}
	}
	return members
}

func (p *policyOf) refusals(challenge string) {
	p.wrong = &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "basic_invalid", Status: 401, GRPC: 16, ProxyStatus: "http_request_denied",
		Title: "Unauthorized", Detail: "The user name or the password is not right.", Extra: "WWW-Authenticate: " + challenge + "\r\n",
	}
	p.busy = &http7.Fault{
		Side: http7.Internal, Kind: http7.Unavailable, Name: "basic_busy", Status: 503, GRPC: 14, ProxyStatus: "proxy_internal_error",
		Title: "Service Unavailable", Detail: "Too many passwords are being verified.", Extra: "Retry-After: 1\r\n",
	}
}

// Request implements [http7.Policy]. It allocates nothing for what is remembered.
func (p *policyOf) Request(x *http7.Exchange) http7.Verdict {
	text, state := find(&x.Request)
	switch state {
	case absent:
		return http7.Continue
	case several:
		x.Cause = errAmbiguous
		return http7.Refuse(p.wrong)
	}
	s := p.accounts.marks.Get().(*marker)
	of, err := p.judge(x, s, text)
	clear(s.text[:])
	p.accounts.marks.Put(s)
	switch {
	case err == errUnknown: // in a dry run
		return http7.Continue
	case of == nil:
		x.Cause = err
		if err == errBusy {
			return http7.Refuse(p.busy)
		}
		return http7.Refuse(p.wrong)
	}
	p.establish(x, of)
	return http7.Continue
}

func (p *policyOf) establish(x *http7.Exchange, of *account) {
	id := http7.Identity{Scheme: "basic", Consumer: of.name}
	if m := p.groups[of.name]; m != nil {
		id.Groups = m.groups
	}
	x.Establish(id)
	if p.keeps {
		x.Keep(p, of)
	}
}

// Why there is no verdict, or a credential is none.
var (
	errUnknown   = errors.New("nobody was asked")
	errMalformed = errors.New("the credential is not a name and a password in base64")
	errAmbiguous = errors.New("the request has more than one Authorization field")
)

// judge returns whose credential text is, or why it is nobody's.
func (p *policyOf) judge(x *http7.Exchange, s *marker, text []byte) (*account, error) {
	user, password, ok := s.split(text)
	if !ok {
		return nil, errMalformed
	}
	var m mark
	s.mark(&m, user, password)
	if of, err := p.accounts.recall(&m, now(x)); of != nil || err != nil {
		return of, err
	}
	if x.Dry {
		x.Verdicts = append(x.Verdicts, p.name+":unknown: would verify a password")
		return nil, errUnknown
	}
	return p.verify(x, m, string(user), string(password))
}

// verify is the slow way. m is a copy that may go to the heap.
func (p *policyOf) verify(x *http7.Exchange, m mark, user, password string) (*account, error) {
	ctx, done := x.Block(p.timeout)
	defer done()
	p.worked.Add(1)
	of, err := p.accounts.verify(ctx, &m, user, password, p.keep)
	if err == errBusy {
		p.busied.Add(1)
	}
	return of, err
}

func now(x *http7.Exchange) time.Time {
	if x.Arrival.IsZero() {
		return time.Now()
	}
	return x.Arrival
}

// split decodes a credential into s's own bytes (RFC 7617 §2).
func (s *marker) split(text []byte) (user, password []byte, ok bool) {
	if base64.StdEncoding.DecodedLen(len(text)) > len(s.text) {
		return nil, nil, false
	}
	n, err := base64.StdEncoding.Strict().Decode(s.text[:], text)
	if err != nil {
		return nil, nil, false
	}
	colon := -1
	for i, c := range s.text[:n] {
		if c < ' ' || c == 0x7f {
			return nil, nil, false
		}
		if c == ':' && colon < 0 {
			colon = i
		}
	}
	if colon < 1 || colon > mostName || n-colon-1 > mostPassword {
		return nil, nil, false
	}
	return s.text[:colon], s.text[colon+1 : n], true
}
