// Package errorpages is the action of a route that answers errors with pages of the operator's own,
// chosen by status and by the client's Accept.
//
// gateway compiles it; the hall runs its step at stage present, on every final answer.
package errorpages

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"weir/http7"
	"weir/internal/conf"
)

// Compile returns the step of a route's error_pages, none for an empty table. Routes that give the same
// files the same statuses share one. files may be nil. An error is a [*conf.BadValue] that names the
// file, or the key that is none.
func Compile(c Config, files *Files) ([]http7.Step, error) {
	if len(c) == 0 {
		return nil, nil
	}
	if files == nil {
		files = &Files{}
	}
	key := c.key()
	if steps := files.steps[key]; steps != nil {
		return steps, nil
	}
	p, err := compile(c, files)
	if err != nil {
		return nil, err
	}
	if files.steps == nil {
		files.steps = map[string][]http7.Step{}
	}
	files.steps[key] = []http7.Step{{Name: "error_pages", Stage: http7.Present, Request: p, Response: p, End: p}}
	return files.steps[key], nil
}

// key writes c so that equal tables are equal texts and others are not.
func (c Config) key() string {
	var b strings.Builder
	for _, statuses := range slices.Sorted(maps.Keys(c)) {
		b.WriteString(strconv.Quote(statuses))
		for _, path := range c[statuses] {
			b.WriteString(strconv.Quote(path))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func compile(c Config, files *Files) (*policy, error) {
	p := &policy{}
	for _, key := range slices.Sorted(maps.Keys(c)) {
		set, ok := conf.Statuses(key)
		if !ok {
			return nil, &conf.BadValue{Text: strconv.Quote(key) + " is not a set of statuses"}
		}
		o := offer{statuses: set}
		for _, path := range c[key] {
			pg, err := files.page(path)
			if err != nil {
				return nil, err
			}
			o.pages = append(o.pages, pg)
		}
		p.offers = append(p.offers, o)
	}
	slices.SortStableFunc(p.offers, func(a, b offer) int { return count(&a.statuses) - count(&b.statuses) })
	p.asked.New = func() any { return &asked{} }
	return p, nil
}

// policy is the compiled form of one table; offers is smallest set first and never changes.
type policy struct {
	offers []offer
	asked  sync.Pool // of *asked
}

// offer are the pages of a set of statuses.
type offer struct {
	statuses conf.StatusSet
	pages    []*page
}

// asked is what the client accepts, kept before stage rewrite may edit it.
type asked struct{ accept []byte }

// Request implements [http7.Policy].
func (p *policy) Request(x *http7.Exchange) http7.Verdict {
	if !x.Dry {
		a := p.asked.Get().(*asked)
		a.accept = appendAccept(a.accept[:0], &x.Request)
		x.Keep(p, a)
	}
	return http7.Continue
}

// End implements [http7.Ender].
func (p *policy) End(x *http7.Exchange, _ uint64) {
	if a, ok := x.Kept(p).(*asked); ok {
		x.Keep(p, nil)
		p.asked.Put(a)
	}
}

// appendAccept appends the values of Accept as one list.
func appendAccept(dst []byte, h *http7.Header) []byte {
	for value := range h.Each(accept) {
		if len(dst) > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, value...)
	}
	return dst
}

// Response implements [http7.ResponsePolicy].
func (p *policy) Response(x *http7.Exchange) http7.Verdict {
	if x.Answer.Status < firstStatus {
		return http7.Continue
	}
	for i := range p.offers {
		if o := &p.offers[i]; o.statuses.Has(x.Answer.Status) {
			p.offer(x, o.pages)
			break
		}
	}
	return http7.Continue
}

// offer puts the page that the client likes best in place of the answer's body, unless it likes that
// better. gRPC clients are not offered any: they read no bodies of errors.
func (p *policy) offer(x *http7.Exchange, pages []*page) {
	if grpc(x) {
		return
	}
	list := p.accepted(x)
	best, most := (*page)(nil), own(x, list)
	for _, pg := range pages {
		if q := quality(list, pg.kind.media); q > most {
			best, most = pg, q
		}
	}
	if best != nil {
		replace(x, best)
	}
	vary(&x.Answer.Header)
}

// accepted returns what the client accepts. An answer that was given before Request ran is one that
// stage rewrite has not come to either.
func (p *policy) accepted(x *http7.Exchange) []byte {
	if a, ok := x.Kept(p).(*asked); ok {
		return a.accept
	}
	return appendAccept(nil, &x.Request)
}

// own returns how much the client likes the answer as it is. A page must be liked better: one for a
// fault, whose problem body is nobody's own work, as much as that.
func own(x *http7.Exchange, accept []byte) int {
	a := x.Answer
	media := mediaOf(a.Header.Get(http7.ContentType))
	if media == "" || empty(x) {
		return 0
	}
	q := quality(accept, media)
	if faulted(x) && q > 0 {
		q--
	}
	return q
}

// faulted reports whether the answer is the problem body of a fault.
func faulted(x *http7.Exchange) bool { return x.Answer.Local && x.Fault != nil }

// empty reports whether the answer has no body, or would have none if it were asked for by GET.
func empty(x *http7.Exchange) bool {
	a := x.Answer
	if string(x.Method) == http.MethodHead && !a.Local {
		return string(a.Header.Get(http7.ContentLength)) == "0"
	}
	return a.Length == 0
}

func grpc(x *http7.Exchange) bool {
	const prefix = "application/grpc"
	t := x.Request.Get(http7.ContentType)
	return len(t) >= len(prefix) && http7.EqualFold(t[:len(prefix)], prefix)
}

// replace makes the page x's answer. Status and fields stay, but for those that describe the body
// that goes.
func replace(x *http7.Exchange, pg *page) {
	body := pg.body(x, heading(x))
	a := x.Answer
	if a.Local {
		if a.Source != nil {
			a.Source.Close()
		}
		strip(&a.Header, a.Status)
	} else {
		a = localize(x)
	}
	a.Header.Add(contentType, pg.field)
	a.Trailer.Reset(nil)
	a.Length = int64(len(body))
	if string(x.Method) == http.MethodHead {
		body = nil
	}
	a.Source = http7.NewBytes(body)
}

// localize makes x's answer one of Weir's own with the fields of the endpoint's, which ends with its
// attempt.
func localize(x *http7.Exchange) *http7.Answer {
	was := x.Answer
	a := x.LocalAnswer(was.Status)
	for i := range was.Header.Len() {
		name, value := was.Header.At(i)
		if !http7.HopByHop.Has(was.Header.IDAt(i)) {
			a.Header.AddRaw(name, value)
		}
	}
	strip(&a.Header, a.Status)
	return a
}

// heading returns the words of the answer's status.
func heading(x *http7.Exchange) string {
	if f := x.Fault; faulted(x) && f.Status == x.Answer.Status && f.Title != "" {
		return f.Title
	}
	if text := http.StatusText(x.Answer.Status); text != "" {
		return text
	}
	return "Error"
}
