package introspect

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"weir/http7"
	"weir/http7/credential"
	"weir/internal/fetch"
	"weir/internal/verified"
)

// server is the authorisation server with what it has answered. Policies keep it over reloads. It is safe for concurrent
// use.
type server struct {
	name   string
	log    *slog.Logger
	client *fetch.Client
	url    string
	header http.Header // of every call
	form   string      // of every call, in front of the token

	forward            *credential.Forward
	consumer, groups   string
	issuer             string
	audience           []string
	positive, negative time.Duration

	good *verified.Table[*answer] // nil: not remembered
	bad  *verified.Table[*answer]

	calls         singleflight.Group
	under         atomic.Int32 // calls that are under way or wait for a connection
	asked, failed *atomic.Uint64
	unshow        func() // ends the level that is shown; nil without one

	mu    sync.Mutex
	wrong fetch.Kind // what the last failure was, told once
}

// answer is what the server has said of one token. It never changes.
type answer struct {
	active         bool
	fault          reason
	consumer       string
	groups, scopes []string
	claims         []http7.Claim
	told           credential.Told
	until          time.Time
}

// reason says why an active token is refused all the same.
type reason uint8

const (
	noReason reason = iota
	wrongIssuer
	wrongAudience
	wrongClaims
	notActive
)

// Close implements [policy.Ender].
func (s *server) Close() {
	if s.unshow != nil {
		s.unshow()
	}
	s.client.Close()
}

// answers is how many answers are remembered.
func (s *server) answers() float64 {
	all := 0
	for _, t := range [...]*verified.Table[*answer]{s.good, s.bad} {
		if t != nil {
			n, _ := t.Size()
			all += n
		}
	}
	return float64(all)
}

// remembered returns what was answered for token lately, nil if nothing was.
func (s *server) remembered(token []byte, now time.Time) *answer {
	for _, t := range [...]*verified.Table[*answer]{s.good, s.bad} {
		if t == nil {
			continue
		}
		if at := t.Get(token, now); at != nil {
			return *at
		}
	}
	return nil
}

// ask returns what the server says of token. Requests with the same token share a call, which goes on when the one that
// began it leaves: each waits within its own ctx.
func (s *server) ask(ctx context.Context, token []byte) (*answer, error) {
	key := string(token)
	ended := s.calls.DoChan(key, func() (any, error) { // "introspect call"; ends with the client's timeout
		return s.call(context.Background(), []byte(key))
	})
	select {
	case r := <-ended:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*answer), nil
	case <-ctx.Done():
		return nil, &fetch.Error{Kind: fetch.Timeout, Host: fetch.HostOf(s.url), Err: context.Cause(ctx)}
	}
}

// maxUnder bounds the calls whose clients may have left.
const maxUnder = 4096

var errBusy = errors.New("too many calls are under way")

func (s *server) call(ctx context.Context, token []byte) (*answer, error) {
	defer s.under.Add(-1)
	if s.under.Add(1) > maxUnder {
		return nil, errBusy
	}
	s.asked.Add(1)
	now := time.Now()
	body := append([]byte(s.form), url.QueryEscape(string(token))...)
	r, err := s.client.Do(ctx, &fetch.Request{Method: "POST", URL: s.url, Header: s.header.Clone(), Body: body})
	a := (*answer)(nil)
	switch {
	case err != nil:
	case r.Status != 200: // our own credentials are refused, or the server is ill: neither says anything of the token
		err = errors.New(fetch.HostOf(s.url) + ": status " + strconv.Itoa(r.Status))
	default:
		a, err = s.read(r.Body, now)
	}
	s.tell(err)
	if err != nil {
		return nil, err
	}
	s.remember(token, a, now)
	return a, nil
}

// tell counts a failure, and logs it if it is of another kind than the last.
func (s *server) tell(err error) {
	kind := fetch.Kind("")
	if err != nil {
		s.failed.Add(1)
		kind = fetch.BadAnswer
		var of *fetch.Error
		if errors.As(err, &of) {
			kind = of.Kind
		}
	}
	s.mu.Lock()
	changed := s.wrong != kind
	s.wrong = kind
	s.mu.Unlock()
	switch {
	case !changed:
	case err != nil:
		s.log.Error("tokens can't be judged", "policy", s.name, "error", err.Error())
	default:
		s.log.Info("tokens can be judged again", "policy", s.name, "server", fetch.HostOf(s.url))
	}
}

func (s *server) remember(token []byte, a *answer, now time.Time) {
	table, until := s.good, now.Add(s.positive)
	if a.fault != noReason {
		table, until = s.bad, now.Add(s.negative)
	}
	if table == nil {
		return
	}
	if a.fault == noReason && !a.until.IsZero() && a.until.Before(until) {
		until = a.until
	}
	table.Put(token, a, a.size(), until, now)
}

// read takes an answer (RFC 7662 §2.2). One without active, or with an active that is neither true nor false, is none.
func (s *server) read(body []byte, now time.Time) (*answer, error) {
	c, err := credential.ParseClaims(body)
	if err != nil {
		return nil, fmt.Errorf("%s: the answer is not one: %w", fetch.HostOf(s.url), err)
	}
	if !c.True("active") {
		if !c.Has("active") {
			return nil, errors.New(fetch.HostOf(s.url) + ": the answer does not say whether the token is active")
		}
		return &answer{fault: notActive}, nil
	}
	a := &answer{active: true, claims: c.All, groups: c.Texts(s.groups), fault: s.judge(c)}
	for _, text := range c.Texts("scope") {
		a.scopes = append(a.scopes, strings.Fields(text)...)
	}
	consumer, named := s.nameIn(c)
	a.consumer = consumer
	from, err := c.Time("nbf")
	if err != nil || !named {
		a.fault = wrongClaims
	}
	if a.until, err = c.Time("exp"); err != nil {
		a.fault = wrongClaims
	}
	if a.told, err = s.forward.Tell(c); err != nil {
		a.fault = wrongClaims
	}
	// The server's clock may be another: believe the earlier end, and a beginning that is not far off.
	if !a.until.IsZero() && !now.Before(a.until) || now.Add(apart).Before(from) {
		a.fault = notActive
	}
	return a, nil
}

// apart is how far the server's clock may be ahead of ours.
const apart = 30 * time.Second

// nameIn returns the consumer: the first of the members that name one, "" if all are absent, as they may be (RFC 7662
// §2.2). It is not ok if that member is empty or no text.
func (s *server) nameIn(c *credential.Claims) (name string, ok bool) {
	for _, member := range [...]string{s.consumer, "client_id", "username"} {
		if c.Has(member) {
			name, ok = c.Text(member)
			return name, ok && name != ""
		}
	}
	return "", true
}

func (s *server) judge(c *credential.Claims) reason {
	if issuer, _ := c.Text("iss"); s.issuer != "" && issuer != s.issuer {
		return wrongIssuer
	}
	if s.audience != nil && !slices.ContainsFunc(c.Texts("aud"), func(a string) bool { return slices.Contains(s.audience, a) }) {
		return wrongAudience
	}
	return noReason
}

func (a *answer) size() int {
	n := 256
	for i := range a.claims {
		n += 64 + len(a.claims[i].Name) + len(a.claims[i].Value)
	}
	for _, list := range [][]string{a.groups, a.scopes} {
		for _, s := range list {
			n += 16 + len(s)
		}
	}
	for _, t := range a.told {
		n += 24 + len(t)
	}
	return n
}

// authorise writes how Weir says who it is (RFC 6749 §2.3.1: name and secret are escaped as in a form before they are
// joined).
func (s *server) authorise(auth, id, secret string) {
	// Asking twice does no harm: a call that meets a connection which the server has just closed is repeated by net/http,
	// which does not send a field without values.
	s.header = http.Header{"X-Idempotency-Key": nil, "Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	s.form = "token_type_hint=access_token&token="
	if auth == "post" {
		s.form = "client_id=" + url.QueryEscape(id) + "&client_secret=" + url.QueryEscape(secret) + "&" + s.form
		return
	}
	pair := url.QueryEscape(id) + ":" + url.QueryEscape(secret)
	s.header["Authorization"] = []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}
}
