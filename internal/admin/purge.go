package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// Purge names what is to leave the cache: exactly one of Key, Prefix, Tag and All.
type Purge struct {
	// Key is the URL that clients ask for; what is stored for it goes, in all its variants and for all routes.
	Key string `json:"key,omitempty"`
	// Prefix is how the URLs begin whose objects go: "https://api.example.com/v1/". Without a path it is the whole host.
	Prefix string `json:"prefix,omitempty"`
	// Tag are tags; whatever has one of them goes. In JSON it may be one text.
	Tag Tags `json:"tag,omitempty"`
	// All says that everything goes.
	All bool `json:"all,omitempty"`
	// Soft lets objects go stale and not away: they may be served where stale ones may, and be revalidated.
	Soft bool `json:"soft,omitempty"`
}

// Tags are a list of tags, in JSON also a single one.
type Tags []string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Tags) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = Tags{one}
		return nil
	}
	var list []string
	if json.Unmarshal(b, &list) != nil {
		return errors.New("tag is a text or a list of texts")
	}
	*t = list
	return nil
}

// Purged says what a purge has named. It holds for every request that comes behind it; the memory is given back
// while Weir goes on.
type Purged struct {
	// Kind is "key", "prefix", "tag" or "all".
	Kind string `json:"kind"`
	// What are the URLs or tags, as the cache reads them; none for "all".
	What []string `json:"what"`
	Soft bool     `json:"soft"`
	// Unseen says of a key that nothing was ever fetched for the store by that URL, so that nothing of it was stored: one of
	// another scheme, port or path may be meant.
	Unseen bool `json:"unseen,omitempty"`
}

// Kind returns which of the fields p has: "key", "prefix", "tag" or "all"; "" if it has none or several.
func (p *Purge) Kind() (kind string) {
	n := 0
	for _, f := range []struct {
		has  bool
		kind string
	}{{p.Key != "", "key"}, {p.Prefix != "", "prefix"}, {p.Tag != nil, "tag"}, {p.All, "all"}} {
		if f.has {
			kind = f.kind
			n++
		}
	}
	if n != 1 {
		return ""
	}
	return kind
}

// Check returns what is wrong with p, nil if nothing is.
func (p *Purge) Check() error {
	switch p.Kind() {
	case "":
		return errNoPurge
	case "key":
		return checkPurgedURL(p.Key)
	case "prefix":
		return checkPurgedURL(p.Prefix)
	case "tag":
		return p.Tag.check()
	}
	return nil
}

var errNoPurge = errors.New(`name what to purge by one of key, prefix, tag and all: {"prefix": "https://api.example.com/v1/"}`)

func (t Tags) check() error {
	for _, tag := range t {
		if tag == "" || strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r == ',' || r == 0x7f }) {
			return errors.New(strconv.Quote(tag) + " is not a tag: it has at least one character, and neither blanks nor commas")
		}
	}
	if len(t) == 0 {
		return errNoPurge
	}
	return nil
}

// checkPurgedURL wants an absolute URL as clients ask for it.
func checkPurgedURL(text string) error {
	u, err := url.Parse(text)
	const such = ": write it as clients ask for it, such as https://api.example.com/v1/orders?page=2"
	switch {
	case err != nil:
		return errors.New(strconv.Quote(text) + " is not a URL" + such)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return errors.New(strconv.Quote(text) + " is not a whole URL" + such)
	case u.User != nil || u.Fragment != "":
		return errors.New(strconv.Quote(text) + " has what no request has" + such)
	}
	return nil
}

// purge answers what a purge has named.
func (s *Server) purge(_ context.Context, r *fasthttp.RequestCtx) {
	p, err := readPurge(r.PostBody())
	var done Purged
	if err == nil {
		done, err = s.gateway.Purge(p)
	}
	var unknown *UnknownError
	switch {
	case errors.As(err, &unknown):
		refuse(r, problem{Status: fasthttp.StatusNotFound, Detail: unknown.Text})
	case err != nil:
		refuse(r, problem{Status: fasthttp.StatusBadRequest, Detail: err.Error()})
	default:
		if done.What == nil {
			done.What = []string{}
		}
		answerJSON(r, fasthttp.StatusOK, done)
	}
}

// readPurge reads the body of a purge.
func readPurge(body []byte) (p Purge, err error) {
	if len(body) == 0 {
		return p, errNoPurge
	}
	if err := readJSON(body, &p, `{"prefix": "https://api.example.com/v1/"}`); err != nil {
		return p, err
	}
	return p, p.Check()
}

// Purge lets objects leave the cache. An [*UnknownError] says that there is no cache.
func (c *Client) Purge(ctx context.Context, p Purge) (Purged, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return Purged{}, err
	}
	var done Purged
	err = c.call(ctx, "POST", "/purge", body, &done, fasthttp.StatusOK)
	return done, err
}
