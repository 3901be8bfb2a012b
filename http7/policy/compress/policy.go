// Package compress is the policy that compresses answers on their way to the client, as its
// Accept-Encoding allows.
//
// gateway compiles it; the hall runs its step and drives its filters.
package compress

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"weir/http7"
	"weir/internal/conf"
)

// Compile returns the step of c for the bundle name, at stage present; none for a section that is
// off. It refuses what Check reports, should it come here unchecked.
func Compile(c *Config, bundle string) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	p := &policy{name: bundle + ".compress", observe: c.Mode == conf.Observe, least: max(1, c.MinBytes.Value()), most: int64(c.Concurrent.Or(1 << 30))}
	if err := p.compile(c); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	p.filters.New = func() any { return &filter{p: p} }
	s := http7.Step{Name: p.name, Bundle: bundle, Stage: http7.Present, Request: p, Response: p, End: p}
	if p.observe {
		s.Mode = http7.Observe
	}
	return []http7.Step{s}, nil
}

func (p *policy) compile(c *Config) error {
	for _, name := range c.Algorithms {
		offer, ok := codingOf(name)
		if !ok {
			return fmt.Errorf("%q is not a compression", name)
		}
		p.offers = append(p.offers, offer)
	}
	for _, t := range c.Types {
		if !p.types.add(t) {
			return fmt.Errorf("%q is not a media type to compress", t)
		}
	}
	var ok bool
	if p.level, ok = levelOf(c.Level); !ok {
		return fmt.Errorf("%q is not a level", c.Level)
	}
	for c, name := range codingNames {
		p.would[c] = p.name + ":would compress with " + name
	}
	p.busy = p.name + ":left as it is, too many at once"
	return nil
}

// policy is the compiled form of one section. All but live never changes.
type policy struct {
	name        string
	observe     bool
	types       matcher
	offers      []coding
	level       level
	least, most int64
	would       [codingCount]string // the remarks of observe mode
	busy        string

	live    atomic.Int64 // encoders in use
	filters sync.Pool    // of *filter
}

// Request implements [http7.Policy]. It takes note of what the client accepts, which stage rewrite may
// remove from the request: a common way to keep endpoints from compressing.
func (p *policy) Request(x *http7.Exchange) http7.Verdict {
	if x.Dry || x.Proto == http7.HTTP10 {
		return http7.Continue // an HTTP/1.0 client would see the end of the body by the connection's alone
	}
	var w weights
	if !w.read(&x.Request) {
		return http7.Continue
	}
	if c, ok := w.choose(p.offers); ok && !noTransform(&x.Request) {
		f := p.filters.Get().(*filter)
		f.coding, f.dirty, f.closed = c, false, false
		x.Keep(p, f)
	}
	return http7.Continue
}

// End implements [http7.Ender].
func (p *policy) End(x *http7.Exchange, _ uint64) {
	f, ok := x.Kept(p).(*filter)
	if !ok {
		return
	}
	x.Keep(p, nil)
	f.release()
	p.filters.Put(f)
}

// Response implements [http7.ResponsePolicy]. Without a filter kept the client takes no coding, or
// the answer was given before Request ran: a refusal, which is short.
func (p *policy) Response(x *http7.Exchange) http7.Verdict {
	a := x.Answer
	f, _ := x.Kept(p).(*filter)
	if a.Status == 304 {
		p.unmodified(x, f != nil)
		return http7.Continue
	}
	if a.Status == 206 {
		p.partly(a)
		return http7.Continue
	}
	if !p.could(x) {
		return http7.Continue
	}
	switch {
	case p.observe && f != nil:
		x.Verdicts = append(x.Verdicts, p.would[f.coding])
	case p.observe:
	case f == nil:
		vary(&a.Header)
	case p.live.Load() >= p.most:
		x.Verdicts = append(x.Verdicts, p.busy)
		vary(&a.Header)
	default:
		f.dress(a)
	}
	return http7.Continue
}

// could reports whether the answer would be compressed for a client that takes it so.
func (p *policy) could(x *http7.Exchange) bool {
	a := x.Answer
	if a.Status < 200 || a.Status == 204 || a.Status == 205 {
		return false
	}
	h := &a.Header
	if h.Has(http7.ContentRange) || coded(h) || !p.types.takes(h.Get(http7.ContentType)) || noTransform(h) {
		return false
	}
	return p.long(x)
}

// partly lets a part, which is never compressed, have the Vary that the whole would have (RFC 9110 §15.3.7).
func (p *policy) partly(a *http7.Answer) {
	h := &a.Header
	if !p.observe && !coded(h) && p.types.takes(h.Get(http7.ContentType)) && !noTransform(h) {
		vary(h)
	}
}

// long reports whether the answer's body has at least so many bytes that compressing it gains. One of
// unknown length that pauses counts as long: nothing is held back to find out.
func (p *policy) long(x *http7.Exchange) bool {
	a := x.Answer
	length := a.Length
	if string(x.Method) == "HEAD" {
		length = headLength(a)
		return length < 0 || length >= p.least
	}
	if length >= 0 {
		return length >= p.least
	}
	n, whole := x.AnswerAtHand(int(p.least))
	return !whole || int64(n) >= p.least
}

// headLength returns the length that the answer to GET would have, -1 if the one to HEAD doesn't say.
func headLength(a *http7.Answer) int64 {
	if a.Local {
		return a.Length
	}
	n, err := strconv.ParseUint(string(a.Header.Get(http7.ContentLength)), 10, 63)
	if err != nil {
		return -1
	}
	return int64(n)
}

// dress makes f the last filter of a and edits the head accordingly. The hall removes what depends
// on the bytes and weakens the validator, since f changes bytes.
func (f *filter) dress(a *http7.Answer) {
	h := &a.Header
	h.Set(contentEncoding, codingValues[f.coding])
	vary(h)
	h.Del(digest)
	h.Del(contentMD5)
	a.Filters = append(a.Filters, f)
}

// unmodified makes the 304 of what this policy has compressed name the validator that the client
// knows it by (RFC 9110 §15.4.5), and vary as the 200 did.
func (p *policy) unmodified(x *http7.Exchange, accepts bool) {
	h := &x.Answer.Header
	tag := h.Get(http7.ETag)
	if p.observe || !accepts || len(tag) == 0 || tag[0] != '"' {
		return
	}
	for have := range x.Request.Each(ifNoneMatch) {
		if i := bytes.Index(have, tag); i >= 2 && string(have[i-2:i]) == "W/" {
			h.Set(etag, append(append(x.Room(len(tag)+2), "W/"...), tag...))
			vary(h)
			return
		}
	}
}

var (
	contentEncoding = http7.Known(http7.ContentEncoding)
	varyField       = http7.Known(http7.Vary)
	etag            = http7.Known(http7.ETag)
	cacheControl    = http7.Known(http7.CacheControl)
	digest          = name("Digest") // RFC 3230 §4.3.2
	contentMD5      = name("Content-MD5")
	ifNoneMatch     = name("If-None-Match")

	acceptEncodingValue = []byte("Accept-Encoding")
	codingValues        = [codingCount][]byte{[]byte("zstd"), []byte("br"), []byte("gzip")}
)

func name(text string) http7.Name {
	n, _ := http7.NewName(text)
	return n
}
