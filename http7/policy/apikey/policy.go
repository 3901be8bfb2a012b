// Package apikey is the policy that finds out who sends a request by a key in it: a long random text that a consumer
// was given, of which Weir has the SHA-256 alone.
//
// gateway compiles it; the hall runs its steps. The keys lie in a file that is watched. It says who it is and refuses
// keys that it does not know; what a consumer may do is authorise's matter.
package apikey

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/credential"
	"weir/http7/policy"
	"weir/internal/conf"
	"weir/internal/filewatch"
)

// Compile returns the steps of c for a bundle: one at stage identify, and one at stage rewrite that takes the key out
// and tells the endpoint who it is; none if it is off. Observed it is the first alone. Without needs no file is read.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	name := bundle + ".api_key"
	problems := conf.NewProblems()
	if c.shape(problems); problems.Failed() {
		return nil, fmt.Errorf("%s: %s: %s", name, problems.List()[0].Path, problems.List()[0].Text)
	}
	keys, err := openKeyring(name, c.KeysFile, needs)
	if err != nil {
		return nil, fmt.Errorf("%s: keys_file: %s: %w", name, c.KeysFile, err)
	}
	place, err := credential.New(c.at())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	challenge := c.challenge(bundle)
	p := &policyOf{name: name, place: place, keys: keys}
	p.unknown = refusal("api_key_invalid", "The API key is not valid.", challenge)
	p.late = refusal("api_key_expired", "The API key has expired.", challenge)
	identify := http7.Step{Name: name, Stage: http7.Identify, Request: p, Establishes: true, Challenge: challenge, HidesFields: []string{c.header()}}
	if c.Query != "" {
		identify.Hides = []string{c.Query}
	}
	if c.Mode == conf.Observe {
		identify.Mode = http7.Observe
		return []http7.Step{identify}, nil
	}
	steps := []http7.Step{identify}
	if rewrite, any := p.rewrite(c); any {
		steps = append(steps, rewrite)
	}
	return steps, nil
}

// challenge is what WWW-Authenticate says. Where keys have no scheme of their own it is a name that no registry has,
// with the place of the key: a 401 must have a challenge (RFC 9110 §15.5.2).
func (c *Config) challenge(bundle string) string {
	realm := c.Realm
	if realm == "" {
		realm = bundle
	}
	realm = ` realm="` + realm + `"`
	in, name := "cookie", c.Cookie
	if c.bearer() {
		return "Bearer" + realm
	} else if header := c.header(); header != "" {
		in, name = "header", header
	} else if c.Query != "" {
		in, name = "query", c.Query
	}
	return "ApiKey" + realm + `, in="` + in + `", name="` + strings.NewReplacer(`"`, "", `\`, "").Replace(name) + `"`
}

func refusal(name, detail, challenge string) *http7.Fault {
	return &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: name, Status: 401, GRPC: 16, ProxyStatus: "http_request_denied",
		Title: "Unauthorized", Detail: detail, Extra: "WWW-Authenticate: " + challenge + "\r\n",
	}
}

// policyOf is the compiled form of a Config. It never changes; what its keyring holds does.
type policyOf struct {
	name          string
	place         *credential.Place
	keys          *keyring
	unknown, late *http7.Fault
	keeps         bool // for the step at stage rewrite
}

// MaxKey bounds a key, in bytes; a longer one is nobody's.
const MaxKey = 512

// Why a key is not taken, for the log.
var (
	errUnknown   = errors.New("the key is not in the file")
	errAmbiguous = errors.New("the request has more than one key")
	errLong      = errors.New("the key is longer than any")
)

// Request implements [http7.Policy].
func (p *policyOf) Request(x *http7.Exchange) http7.Verdict {
	key, count := p.place.Find(x)
	if count == 0 {
		return http7.Continue
	}
	h, err := p.keys.holder(key, count)
	switch {
	case h == nil:
		x.Cause = err
		return http7.Refuse(p.unknown)
	case !h.expires.IsZero() && !now(x).Before(h.expires):
		x.Cause = h.late
		return http7.Refuse(p.late)
	}
	x.Establish(h.identity)
	x.Claims = append(x.Claims, h.claims...)
	if p.keeps {
		x.Keep(p, h)
	}
	return http7.Continue
}

func now(x *http7.Exchange) time.Time {
	if x.Arrival.IsZero() {
		return time.Now()
	}
	return x.Arrival
}

// keyring are the keys of a file as it is now.
type keyring struct {
	path    string
	now     atomic.Pointer[ring]
	file    *filewatch.File
	unshow  func()
	loading sync.Mutex
}

// openKeyring returns the keys of a file, kept over reloads; an empty one without needs.
func openKeyring(name, path string, needs *policy.Needs) (*keyring, error) {
	if needs == nil {
		k := &keyring{path: path}
		k.now.Store(&ring{})
		return k, nil
	}
	fresh := false
	k, err := policy.Adopt(needs.Turn, name+"\x00"+path, func() (k *keyring, err error) {
		k, fresh = &keyring{path: path}, true
		if k.file, err = needs.Files.Watch(name, path, k.load); err == nil {
			k.unshow = needs.FailedFile(name, k.file)
		}
		return k, err
	})
	if err == nil && !fresh { // whoever reloads wants what is there now
		err = k.load()
	}
	return k, err
}

// load reads the file. Who comes later reads later.
func (k *keyring) load() error {
	k.loading.Lock()
	defer k.loading.Unlock()
	text, err := conf.ReadFile(k.path)
	if err != nil {
		return errors.New(conf.FileTrouble(err))
	}
	keys, err := parse(k.path, text)
	if err != nil {
		return err
	}
	k.now.Store(&keys)
	return nil
}

// Close ends the watch over the file.
func (k *keyring) Close() {
	k.unshow()
	k.file.Close()
}

// holder returns whose key it is, or why it is nobody's.
func (k *keyring) holder(key []byte, count int) (*holder, error) {
	switch {
	case count > 1:
		return nil, errAmbiguous
	case len(key) > MaxKey:
		return nil, errLong
	}
	if h := (*k.now.Load())[sha256.Sum256(key)]; h != nil {
		return h, nil
	}
	return nil, errUnknown
}

// rewrite returns the step that acts on what goes to the endpoint, and whether it has anything to do.
func (p *policyOf) rewrite(c *Config) (http7.Step, bool) {
	s := http7.Step{Name: p.name + ".forward", Stage: http7.Rewrite}
	r := &rewriter{of: p, pass: c.Pass}
	for _, field := range slices.Sorted(maps.Keys(c.Forward)) {
		name, _ := http7.NewName(field)
		r.told = append(r.told, told{name, c.Forward[field]})
		s.Sets = append(s.Sets, field)
		s.Edits = append(s.Edits, http7.Edit{Name: strings.ToLower(field)})
	}
	if !c.Pass {
		s.Trailer = r
		for _, e := range p.place.Edits() {
			e.Fixed = http7.EqualFold(e.Name, c.header()) && !c.bearer() // it always goes, whatever it is
			s.Edits = append(s.Edits, e)
		}
	}
	p.keeps = len(r.told) > 0
	s.Request = r
	return s, p.keeps || !c.Pass
}
