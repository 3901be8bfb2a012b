package cache

import (
	"bytes"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"

	"weir/http7"
	"weir/http7/cache/rule"
	"weir/http7/cache/store"
)

// keyed is how a policy composes keys: scheme://host/path?query NUL route NUL shape NUL and the values of chosen
// fields. So all that is stored for one URL has keys with one prefix, and all below a prefix of a URL too. The shape says by what
// words the key was made: after a reload that adds some, nothing is found that was stored without them.
type keyed struct {
	shape  string
	chains *sync.Map // of chain texts, by route: a policy's own
	host   bool
	query  bool     // the whole query
	params []string // or these, sorted
	extras []extra
	// consumer says that who asks is part of the key.
	consumer bool
}

// extra is a field or a cookie of the request that is part of the key.
type extra struct {
	field  http7.Name
	cookie string // "": field
}

// keyedBy compiles Config.Key. What Check refuses is left out.
func keyedBy(words []string) (k keyed) {
	for _, word := range words {
		switch kind, name, named := strings.Cut(word, ":"); {
		case kind == keyHost:
			k.host = true
		case kind == keyQuery && !named:
			k.query = true
		case kind == keyQuery:
			k.params = append(k.params, name)
		case kind == keyHeader:
			if n, ok := http7.NewName(strings.ToLower(name)); ok {
				k.extras = append(k.extras, extra{field: n})
			}
		case kind == keyConsumer:
			k.consumer = true
		case kind == keyCookie:
			k.extras = append(k.extras, extra{cookie: name})
		}
	}
	slices.Sort(k.params)
	k.shape, k.chains = shapeOf(words), new(sync.Map)
	return k
}

// chain is a short text for what the steps behind the cache write to every request alike on a route, which may differ from
// listener to listener; "" for nothing.
func (k *keyed) chain(r *http7.Route) string {
	if r == nil || k.chains == nil {
		return ""
	}
	if text, ok := k.chains.Load(r); ok {
		return *text.(*string)
	}
	var words []string
	for i := range r.Steps {
		if s := &r.Steps[i]; s.Stage == http7.Rewrite && s.Constants != "" {
			words = append(words, s.Constants)
		}
	}
	text := ""
	if len(words) > 0 {
		text = "." + hashed(words)
	}
	k.chains.Store(r, &text)
	return text
}

// shapeOf is a short text for the words of a key, whatever their order.
func shapeOf(words []string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	return hashed(words)
}

func hashed(words []string) string {
	h := fnv.New64a()
	for _, w := range words {
		_, _ = h.Write([]byte(w + "\x00")) // never fails
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// whoOf says what is known of who sends x.
func (k *keyed) whoOf(x *http7.Exchange) rule.Who {
	switch {
	case x.Consumer != "" && k.consumer:
		return rule.Keyed
	case x.Identified():
		return rule.Known
	}
	return rule.Unknown
}

// place is what of a request its key's URL is made of.
type place struct {
	secure                 bool
	authority, path, query []byte // query is nil for none
}

// placeOf returns that of x. Stage rewrite leaves it as it is.
func placeOf(x *http7.Exchange) place {
	return place{secure: x.Secure, authority: x.Authority, path: x.Path, query: x.Query}
}

// appendURL appends the URL as keys have it.
func (k *keyed) appendURL(dst []byte, at *place) []byte {
	if at.secure {
		dst = append(dst, "https://"...)
	} else {
		dst = append(dst, "http://"...)
	}
	if k.host {
		dst = appendHost(dst, at.authority, at.secure)
	}
	dst = append(dst, at.path...)
	switch {
	case at.query == nil:
	case k.query:
		dst = append(append(dst, '?'), at.query...)
	case len(k.params) > 0:
		dst = k.appendParams(dst, at.query)
	}
	return dst
}

// appendParams appends the chosen parameters that are there, by name. Of a query that endpoints may read otherwise it
// appends the whole, so that nobody chooses by it what others get.
func (k *keyed) appendParams(dst, query []byte) []byte {
	if k.doubtful(query) {
		return append(append(dst, "??"...), query...)
	}
	sep := byte('?')
	for _, name := range k.params {
		for c := http7.Parameters(query, name); c.Next(); sep = '&' {
			dst = append(append(append(dst, sep), name...), '=')
			dst = append(dst, c.Raw()...)
		}
	}
	return dst
}

// appendHost appends an authority in lower case, without the port that its scheme has anyway.
func appendHost(dst, authority []byte, secure bool) []byte {
	port := ":80"
	if secure {
		port = ":443"
	}
	if n := len(authority) - len(port); n >= 0 && string(authority[n:]) == port {
		authority = authority[:n]
	}
	authority = bytes.TrimSuffix(authority, colon)
	for _, c := range authority {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

var colon = []byte{':'}

// appendKey appends the key of x. Its values hold no NUL: the engines let none pass.
func (k *keyed) appendKey(dst []byte, x *http7.Exchange, observed bool) []byte {
	at := placeOf(x)
	dst = append(k.appendURL(dst, &at), 0)
	if x.Route != nil {
		dst = append(dst, x.Route.Name...)
	}
	dst = append(append(append(dst, 0), k.shape...), k.chain(x.Route)...)
	dst = append(dst, 0)
	for i := range k.extras {
		dst = k.extras[i].append(dst, &x.Request)
	}
	if k.consumer { // a name may hold any byte: its length comes first
		dst = append(strconv.AppendInt(dst, int64(len(x.Consumer)), 10), '@')
		dst = append(append(dst, x.Consumer...), 0)
	}
	if observed { // what is stored while nobody is answered from it is never used later: nothing was stripped for it
		dst = append(dst, 0, 'O')
	}
	return dst
}

// append appends the values that h has: a name without "=" is that of a field that is not there.
func (e *extra) append(dst []byte, h *http7.Header) []byte {
	at := len(dst)
	if e.cookie != "" {
		for c := http7.Cookies(h, e.cookie); c.Next(); {
			dst = append(append(append(append(dst, e.cookie...), '='), c.Value()...), 0)
		}
	} else {
		for i := h.Find(e.field, 0); i >= 0; i = h.Find(e.field, i+1) {
			dst = append(append(append(append(dst, e.field.String()...), '='), h.Value(i)...), 0)
		}
	}
	if len(dst) == at {
		dst = append(append(append(dst, e.cookie...), e.field.String()...), 0)
	}
	return dst
}

// has reports whether a field is part of the key.
func (k *keyed) has(name []byte) bool {
	for i := range k.extras {
		if k.extras[i].cookie == "" && http7.EqualFold(name, k.extras[i].field.String()) {
			return true
		}
	}
	return false
}

// alike reports whether two policies compose the URLs of their keys in the same way.
func (k *keyed) alike(other *keyed) bool {
	return k.host == other.host && k.query == other.query && slices.Equal(k.params, other.params)
}

// shown is x's key for a person: the URL, the route and the chosen values.
func (k *keyed) shown(x *http7.Exchange) string {
	key := k.appendKey(nil, x, false)
	url, rest, _ := bytes.Cut(key, nul)
	route, rest, _ := bytes.Cut(rest, nul)
	_, values, _ := bytes.Cut(rest, nul)
	return string(bytes.ReplaceAll(bytes.TrimRight(bytes.Join([][]byte{url, route, values}, nul), "\x00"), nul, []byte{' '}))
}

var nul = []byte{0}

// urlOf is the URL of a key.
func urlOf(key []byte) []byte {
	url, _, _ := bytes.Cut(key, nul)
	return url
}

// tagOf stands for a URL among the tags: every object has that of its own. No tag of an endpoint is the same, for it holds no NUL.
func tagOf(url []byte) uint64 {
	var room [256]byte
	return store.TagHash(append(append(room[:0], 0), url...))
}
