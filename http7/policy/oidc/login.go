package oidc

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"strconv"
	"time"

	lib "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"weir/http7"
)

// login is what a browser takes along to the provider, sealed in a cookie.
type login struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"` // of PKCE (RFC 7636)
	Redirect string `json:"r"` // the redirect URI
	To       string `json:"t"` // where it wanted to go
	At       int64  `json:"a"` // Unix seconds
}

const (
	// loginLasts is how long somebody may take to sign in.
	loginLasts = 10 * time.Minute
	// mostReturn is how long a URL may be that a browser comes back to.
	mostReturn = 2048
)

// sender sends browsers without an identity to the provider.
type sender struct{ *site }

// departure is where a browser goes, and what it takes along.
type departure struct {
	lines
	to []byte
}

// Request implements [http7.Policy].
func (p sender) Request(x *http7.Exchange) http7.Verdict {
	if x.Identified() || x.Recorded != nil && (x.Lacks(readsMode) || x.Lacks(readsAccept)) || !navigates(x) {
		return http7.Continue
	}
	if x.Dry || p.observes {
		return http7.Refuse(p.login)
	}
	if p.elsewhere(x) {
		x.Keep(p.login, &departure{to: p.here(x)})
		return http7.Refuse(p.moved)
	}
	ctx, done := x.Block(p.timeout)
	provider, err := p.kept.finder.find(ctx)
	done()
	if err != nil {
		x.Cause = err
		return http7.Refuse(p.down)
	}
	x.Keep(p.login, p.depart(x, provider))
	return http7.Refuse(p.login)
}

// Response implements [http7.ResponsePolicy].
func (p sender) Response(x *http7.Exchange) http7.Verdict {
	if d, ok := x.Kept(p.login).(*departure); ok && (x.Fault == p.login || x.Fault == p.moved) {
		x.Answer.Header.Set(location, d.to)
		d.add(&x.Answer.Header)
	}
	return http7.Continue
}

// depart begins a login.
func (p *site) depart(x *http7.Exchange, provider *provider) *departure {
	var drawn [1]byte
	_, _ = rand.Read(drawn[:]) // never fails
	slot := int(drawn[0]) % mostLogins
	l := login{
		State: strconv.Itoa(slot) + rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Redirect: p.base(x) + p.callback, To: string(p.here(x)), At: p.now().Unix(),
	}
	sealed := p.sealLogin(&l)
	if len(sealed) > chunkSize { // what JSON escapes gets longer
		l.To = p.base(x) + "/"
		sealed = p.sealLogin(&l)
	}
	cookie := p.jar.logins[slot] + "=" + sealed + "; Max-Age=" + strconv.Itoa(int(loginLasts/time.Second)) + p.jar.marks
	config := p.oauth
	config.Endpoint, config.RedirectURL = provider.endpoint, l.Redirect
	options := append([]oauth2.AuthCodeOption{lib.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier)}, p.parameters...)
	return &departure{to: []byte(config.AuthCodeURL(l.State, options...)), lines: lines{[][]byte{[]byte(cookie)}}}
}

func (p *site) sealLogin(l *login) string {
	text, _ := json.Marshal(l) // strings and a number
	return p.seal.close(forLogin, text)
}

// begun returns the login that a browser comes back from, nil if it did not leave from here, has been away too long, or was
// back already.
func (p *site) begun(x *http7.Exchange, state string) *login {
	if len(state) < 2 || state[0] < '0' || state[0] >= '0'+mostLogins {
		return nil
	}
	sealed := p.jar.one(x, p.jar.logins[state[0]-'0'])
	if sealed == nil {
		return nil
	}
	text, err := p.seal.open(forLogin, sealed)
	var l login
	if err != nil || json.Unmarshal(text, &l) != nil || subtle.ConstantTimeCompare([]byte(l.State), []byte(state)) == 0 {
		return nil
	}
	if age := p.now().Sub(time.Unix(l.At, 0)); age > loginLasts || p.left.finished(state, p.now()) {
		return nil
	}
	return &l
}

// base returns scheme and host as browsers know them.
func (p *site) base(x *http7.Exchange) string {
	switch {
	case p.external != "":
		return p.external
	case x.Secure:
		return "https://" + string(x.Authority)
	}
	return "http://" + string(x.Authority)
}

// here returns what x asks for as a URL: on its own host, or on the external one, so that it leads nowhere else.
func (p *site) here(x *http7.Exchange) []byte {
	to := append([]byte(p.base(x)), x.Path...)
	if x.Query != nil {
		to = append(append(to, '?'), x.Query...)
	}
	if len(to) > mostReturn || !http7.IsFieldValue(to) || x.Path[0] != '/' {
		return []byte(p.base(x) + "/")
	}
	return to
}

// elsewhere reports whether x asks for another host than the external one, where its cookies would not come back.
func (p *site) elsewhere(x *http7.Exchange) bool {
	_, host, _ := bytes.Cut([]byte(p.external), []byte("://"))
	return p.external != "" && !http7.EqualFold(host, x.Authority)
}

// What decides whether somebody is sent to the provider.
const (
	readsMode   = "header:sec-fetch-mode"
	readsAccept = "header:accept"
)

var (
	fetchMode, _   = http7.NewName("Sec-Fetch-Mode")
	fetchDest, _   = http7.NewName("Sec-Fetch-Dest")
	fetchSite, _   = http7.NewName("Sec-Fetch-Site")
	purpose, _     = http7.NewName("Sec-Purpose")
	requestedBy, _ = http7.NewName("X-Requested-With")
	accept         = http7.Known(http7.Accept)
	html           = []byte("text/html")
)

// navigates reports whether x is a browser that would show a page to somebody (Fetch metadata; of older browsers, one that
// likes HTML). Everything else could do nothing with a page for signing in.
func navigates(x *http7.Exchange) bool {
	if string(x.Method) != "GET" || x.Upgrade != nil || http7.GRPCType(&x.Request) != nil || x.Request.Find(purpose, 0) >= 0 {
		return false
	}
	if mode, ok := x.Request.First(fetchMode); ok {
		dest, _ := x.Request.First(fetchDest)
		return string(mode) == "navigate" && (len(dest) == 0 || string(dest) == "document")
	}
	for value := range x.Request.Each(accept) {
		if bytes.Contains(value, html) {
			return x.Request.Find(requestedBy, 0) < 0
		}
	}
	return false
}
