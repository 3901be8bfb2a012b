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

// answerer answers preflights: the [http7.Policy] of [http7.Step.Preflight]. Method and fields that are asked
// for are not judged: the browser compares them with what is allowed, and tells the script's author
// which one was not.
type answerer struct{ *policy }

// Request implements [http7.Policy]. What the answer says is the teller's.
func (p answerer) Request(x *http7.Exchange) http7.Verdict {
	if !p.all && x.Lacks(readsOrigin) {
		return http7.Continue // undecidable: that it was missed is noted
	}
	if p.allows(x) == nil {
		return http7.Refuse(http7.CORSRefused)
	}
	x.LocalAnswer(204)
	return http7.Answered()
}

// teller writes the fields of every answer.
type teller struct{ *policy }

// Response implements [http7.ResponsePolicy]. An origin that is not allowed gets its answer all the same,
// without a field: a page of this very site sends an Origin too, and only the browser can tell.
func (p teller) Response(x *http7.Exchange) http7.Verdict {
	h := &x.Answer.Header
	strip(h)
	depends := byOrigin
	if x.Preflight != nil {
		depends = byAsking
	} else if p.all {
		depends = nil
	}
	if origin := p.kept(x); origin != nil {
		p.allow(h, origin)
		if x.Preflight != nil {
			p.permit(x, h)
		} else {
			add(h, exposeHeaders, p.expose)
		}
	}
	if depends != nil && !varies(h) {
		h.Add(varyField, depends)
	}
	return http7.Continue
}

// allow writes the fields that preflights and all other requests of an allowed origin are answered with.
func (p *policy) allow(h *http7.Header, origin []byte) {
	h.Add(allowOrigin, origin)
	if p.credentials {
		h.Add(allowCredentials, yes)
	}
}

// permit writes what the script may ask with: the rest of the answer to a preflight.
func (p *policy) permit(x *http7.Exchange, h *http7.Header) {
	methods, headers := p.methods, p.headers
	if p.echoMethod {
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
