package cors

import (
	"bytes"

	"weir/http7"
)

// The fields of the protocol.
var (
	originField    = http7.Known(http7.Origin)
	varyField      = http7.Known(http7.Vary)
	requestHeaders = field("Access-Control-Request-Headers")
	requestPrivate = field("Access-Control-Request-Private-Network")

	allowOrigin      = field("Access-Control-Allow-Origin")
	allowCredentials = field("Access-Control-Allow-Credentials")
	allowMethods     = field("Access-Control-Allow-Methods")
	allowHeaders     = field("Access-Control-Allow-Headers")
	allowPrivate     = field("Access-Control-Allow-Private-Network")
	exposeHeaders    = field("Access-Control-Expose-Headers")
	maxAge           = field("Access-Control-Max-Age")

	yes      = []byte("true")
	everyone = []byte(anything)
	byOrigin = []byte("Origin")
	// byAsking is what the answer to a preflight depends on, or whether it is one at all.
	byAsking = []byte("Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network")
)

// field returns a name that is one.
func field(text string) http7.Name {
	n, _ := http7.NewName(text)
	return n
}

// refused is the answer to the preflight of an origin that is not allowed. The standard would have a
// server that does not wish to take part say 403, without any of the protocol's fields (Fetch §3.3.3).
var refused = &http7.Fault{
	Side: http7.Client, Kind: http7.Refused, Name: "cors_refused", Status: 403, GRPC: 7, ProxyStatus: "http_request_denied",
	Title: "Forbidden", Detail: "Scripts of this origin may not ask here.", Extra: "Vary: " + string(byAsking) + "\r\n",
}

// allows reports whether scripts of x's origin may ask, and what Access-Control-Allow-Origin then says.
// Without exactly one Origin nobody can be named.
func (p *policy) allows(x *http7.Exchange) (value []byte, ok bool) {
	if p.all {
		return everyone, true
	}
	sent, ok := originOf(x)
	return sent, ok && p.origins.has(sent)
}

func originOf(x *http7.Exchange) (sent []byte, ok bool) {
	i := x.Request.Find(originField, 0)
	if i < 0 || x.Request.Find(originField, i+1) >= 0 {
		return nil, false
	}
	return x.Request.Value(i), true
}

// enforcer answers preflights and writes the fields of answers.
type enforcer struct{ *policy }

// Request answers a preflight: it implements [http7.Policy] for [http7.Step.Preflight]. Method and fields
// that are asked for are not judged: the browser compares them with what is allowed, and tells the
// script's author which one was not.
func (p enforcer) Request(x *http7.Exchange) http7.Verdict {
	if !p.all && x.Lacks(readsOrigin) {
		return http7.Continue // undecidable: that it was missed is noted
	}
	origin, ok := p.allows(x)
	if !ok {
		return http7.Refuse(refused)
	}
	p.answer(x, &x.LocalAnswer(204).Header, origin)
	return http7.Answered()
}

// answer writes the fields of an answer to a preflight.
func (p *policy) answer(x *http7.Exchange, h *http7.Header, origin []byte) {
	p.allow(h, origin)
	methods, headers := p.methods, p.headers
	if p.echoMethod && http7.IsToken(x.Preflight) {
		methods = x.Preflight
	}
	if p.echoHeaders {
		headers = askedHeaders(x)
	}
	add(h, allowMethods, methods)
	add(h, allowHeaders, headers)
	add(h, maxAge, p.maxAge)
	if asked, _ := x.Request.First(requestPrivate); p.privateNetwork && string(asked) == "true" {
		h.Add(allowPrivate, yes)
	}
	h.Add(varyField, byAsking)
}

// allow writes the fields that preflights and all other requests of an allowed origin are answered with.
func (p *policy) allow(h *http7.Header, origin []byte) {
	h.Add(allowOrigin, origin)
	if p.credentials {
		h.Add(allowCredentials, yes)
	}
}

func add(h *http7.Header, n http7.Name, value []byte) {
	if value != nil {
		h.Add(n, value)
	}
}

// askedHeaders returns the value of x's Access-Control-Request-Headers if it is the only one and a list of
// names, else nil: it goes back into a header.
func askedHeaders(x *http7.Exchange) []byte {
	i := x.Request.Find(requestHeaders, 0)
	if i < 0 || x.Request.Find(requestHeaders, i+1) >= 0 {
		return nil
	}
	value := x.Request.Value(i)
	for rest, more := value, true; more; {
		var name []byte
		name, rest, more = bytes.Cut(rest, comma)
		if !http7.IsToken(bytes.Trim(name, " \t")) {
			return nil
		}
	}
	return value
}

var comma = []byte(",")

// Response implements [http7.ResponsePolicy]. An origin that is not allowed gets its answer all the same,
// without a field: a page of this very site sends an Origin too, and only the browser can tell.
func (p enforcer) Response(x *http7.Exchange) http7.Verdict {
	if x.Preflight != nil && x.Answer.Local {
		return http7.Continue // Request's, or a refusal that no script gets to see
	}
	h := &x.Answer.Header
	strip(h)
	if origin, ok := p.allows(x); ok {
		p.allow(h, origin)
		add(h, exposeHeaders, p.expose)
	}
	if !p.all && !varies(h) {
		h.Add(varyField, byOrigin)
	}
	return http7.Continue
}

// strip removes what the endpoint itself says of the matter.
func strip(h *http7.Header) {
	for i := h.Len() - 1; i >= 0; i-- {
		if h.IDAt(i) != http7.Unlisted {
			continue
		}
		if name, _ := h.At(i); len(name) > len(prefix) && http7.EqualFold(name[:len(prefix)], prefix) {
			h.DelAt(i)
		}
	}
}

const prefix = "access-control-"

// varies reports whether h says already that the answer depends on Origin (RFC 9110 §12.5.5).
func varies(h *http7.Header) bool {
	for i := h.Find(varyField, 0); i >= 0; i = h.Find(varyField, i+1) {
		for rest, more := h.Value(i), true; more; {
			var name []byte
			name, rest, more = bytes.Cut(rest, comma)
			if name = bytes.Trim(name, " \t"); string(name) == anything || http7.EqualFold(name, byOrigin) {
				return true
			}
		}
	}
	return false
}
