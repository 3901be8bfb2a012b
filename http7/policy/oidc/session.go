package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"weir/http7"
	"weir/http7/credential"
)

// record is a session as its cookie holds it.
type record struct {
	// ID names the session through all its refreshes.
	ID      string          `json:"i"`
	Subject string          `json:"s"`
	Claims  json.RawMessage `json:"c"` // those that are wanted, as the provider wrote them
	Scopes  string          `json:"o,omitempty"`
	// Begun, End and Due are Unix seconds: when somebody signed in (0 in cookies of before it was written down), when the
	// session ends whatever happens, and when it is to be refreshed; 0: never.
	Begun   int64  `json:"b,omitempty"`
	End     int64  `json:"e"`
	Due     int64  `json:"d,omitempty"`
	Refresh string `json:"r,omitempty"`
	Access  string `json:"a,omitempty"`
	IDToken string `json:"t,omitempty"`
}

// session is a record made ready for requests. It never changes and is shared by all requests of its browser.
type session struct {
	record
	id       []byte
	end, due time.Time // due is zero if it never is

	who    http7.Identity
	claims []http7.Claim
	told   credential.Told
	bearer []byte // for Authorization; nil if the endpoint does not get it
}

// purposes of sealed texts.
const (
	forSession = "session"
	forLogin   = "login"
)

var errNoConsumer = errors.New("the claim that names the consumer is missing")

// newSession makes r ready.
func (p *site) newSession(r *record) (*session, error) {
	claims, err := credential.ParseClaims(r.Claims)
	if err != nil {
		return nil, err
	}
	s := &session{record: *r, id: []byte(r.ID), end: time.Unix(r.End, 0), claims: claims.All}
	if r.Due != 0 {
		s.due = time.Unix(r.Due, 0)
	}
	consumer, ok := claims.Text(p.consumer)
	if !ok || consumer == "" {
		return nil, fmt.Errorf("%w: %s", errNoConsumer, p.consumer)
	}
	if s.told, err = p.forward.Tell(claims); err != nil {
		return nil, err
	}
	if p.tellsAccess && r.Access != "" {
		s.bearer = []byte("Bearer " + r.Access)
	}
	s.who = http7.Identity{Scheme: Scheme, Consumer: consumer, Groups: claims.Texts(p.groups), Scopes: strings.Fields(r.Scopes)}
	return s, nil
}

// ends returns when s ends: when its record says so, or earlier if the config has given sessions less time since.
func (p *site) ends(s *session) time.Time {
	if s.Begun == 0 {
		return s.end
	}
	if end := time.Unix(s.Begun, 0).Add(p.lasts); end.Before(s.end) {
		return end
	}
	return s.end
}

// size returns how many bytes s has in memory, roughly.
func (s *session) size() int {
	return 512 + len(s.Claims)*4 + len(s.Scopes)*3 + len(s.Refresh) + len(s.Access)*2 + len(s.IDToken) + 64*len(s.claims)
}

// open reads what a browser has sent as its session.
func (p *site) open(sealed []byte) (*session, error) {
	text, err := p.seal.open(forSession, sealed)
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, err
	}
	return p.newSession(&r)
}

// sealed returns the text of s's cookie. What only logout at the provider would like to have goes first if it is too long.
func (p *site) sealed(s *session) (string, error) {
	text, err := json.Marshal(&s.record)
	if err != nil {
		return "", err
	}
	if encoding.EncodedLen(len(text)+64) > mostChunks*chunkSize && s.IDToken != "" {
		r := s.record
		r.IDToken = ""
		if text, err = json.Marshal(&r); err != nil {
			return "", err
		}
	}
	return p.seal.close(forSession, text), nil
}

// wanted returns the claims of doc that sessions keep, as a document of its own.
func (p *site) wanted(doc map[string]json.RawMessage) (json.RawMessage, error) {
	kept := map[string]json.RawMessage{}
	for name, value := range doc {
		if p.keeps(name) {
			kept[name] = value
		}
	}
	return json.Marshal(kept)
}

// keeps reports whether sessions keep a member of the token: a claim by name, or one that has a claim by path in it.
func (p *site) keeps(member string) bool {
	for _, claim := range p.claims {
		if claim == member || strings.HasPrefix(claim, member+".") {
			return true
		}
	}
	return false
}

// dueAt sets when r is to be refreshed: when the access token ends, if there is a way to get another.
func (r *record) dueAt(t *oauth2.Token, now time.Time) {
	if r.Due = 0; r.Refresh == "" {
		return
	}
	due := t.Expiry
	if due.IsZero() {
		due = now.Add(usual)
	}
	if least := now.Add(shortest); due.Before(least) {
		due = least
	}
	r.Due = due.Unix()
}

const (
	// usual is when a session is due for a refresh if the provider does not say how long its tokens live.
	usual = 5 * time.Minute
	// shortest keeps tokens that live for no time from being refreshed with each request.
	shortest = 15 * time.Second
)
