package forwardauth

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"weir/http7"
	"weir/internal/fetch"
)

// said is what the service has said of a request. It never changes and is shared by all requests that look the same.
type said struct {
	// fault refuses; nil lets the request go on.
	fault *http7.Fault
	why   error

	who    http7.Identity
	claims []http7.Claim // of copied, by name in lower case
	// lasting says that it may be said of others.
	lasting bool

	// The answer to the client, unless fault's own is better.
	status int
	fields []field
	body   []byte
}

type field struct{ name, value []byte }

// size returns how many bytes s has, roughly.
func (s *said) size() int {
	n := 256 + len(s.who.Consumer) + len(s.body)
	for _, words := range [][]string{s.who.Groups, s.who.Scopes} {
		for _, w := range words {
			n += 16 + len(w)
		}
	}
	for i := range s.claims {
		n += 64 + len(s.claims[i].Value)
	}
	for i := range s.fields {
		n += 64 + len(s.fields[i].name) + len(s.fields[i].value)
	}
	return n
}

// read makes sense of the service's answer. An error is an answer that says nothing.
func (p *asker) read(a *fetch.Response) (*said, error) {
	switch {
	case a.Status >= 200 && a.Status < 300:
		return p.allowed(a)
	case a.Status >= 300 && a.Status < 500:
		return p.denied(a), nil
	}
	return nil, errors.New(p.host + ": answered " + strconv.Itoa(a.Status))
}

var errBadField = errors.New("the service's answer has a field that can't be sent on")

func (p *asker) allowed(a *fetch.Response) (*said, error) {
	s := &said{lasting: true, who: http7.Identity{Scheme: Scheme, Consumer: first(a, p.consumer)}}
	s.who.Groups = list(a, p.groups, ",")
	s.who.Scopes = list(a, p.scopes, ", ")
	for _, c := range p.copied {
		for _, value := range a.Header[c.key] {
			if !http7.IsFieldValue([]byte(value)) {
				return nil, errBadField
			}
			s.claims = append(s.claims, http7.Claim{Name: c.claim, Value: []byte(value)})
		}
	}
	return s, nil
}

func first(a *fetch.Response, name string) string {
	if name == "" {
		return ""
	}
	return a.Header.Get(name)
}

// list returns what the fields of that name list, parted by any character of seps.
func list(a *fetch.Response, name, seps string) (all []string) {
	if name == "" {
		return nil
	}
	for _, value := range a.Header.Values(name) {
		for _, word := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(seps, r) }) {
			if word = strings.TrimSpace(word); word != "" {
				all = append(all, word)
			}
		}
	}
	return all
}

func (p *asker) denied(a *fetch.Response) *said {
	s := &said{fault: otherDenial, why: errors.New(p.host + ": answered " + strconv.Itoa(a.Status))}
	f := denials[a.Status]
	if f == nil || a.Status < 400 && a.Header.Get("Location") == "" {
		return s
	}
	s.fault, s.status, s.body = f, a.Status, a.Body
	s.lasting = (a.Status == 401 || a.Status == 403) && len(a.Header["Set-Cookie"]) == 0
	s.fields = passed(a.Header)
	if a.Status == 401 && a.Header.Get("Www-Authenticate") == "" {
		s.fields = append(s.fields, field{[]byte("WWW-Authenticate"), p.challenge})
	}
	return s
}

// own are the fields of the service's answer that are of its connection to Weir, or Weir's to write.
var own = http7.HopByHop | http7.Names(http7.ContentLength, http7.Date, http7.Server, http7.Via, http7.ProxyAuthenticate,
	http7.ProxyAuthenticationInfo, http7.ProxyStatus, http7.Age)

// passed returns the fields that the client gets. What can't be sent is left out.
func passed(h http.Header) (all []field) {
	named := strings.ToLower(strings.Join(h["Connection"], ","))
	for name, values := range h {
		if own.Has(http7.LookupID([]byte(name))) || !http7.IsToken([]byte(name)) || contains(named, strings.ToLower(name)) {
			continue
		}
		for _, v := range values {
			if http7.IsFieldValue([]byte(v)) {
				all = append(all, field{[]byte(name), []byte(v)})
			}
		}
	}
	return all
}

// contains reports whether a list of names with commas has name.
func contains(list, name string) bool {
	for word := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(word) == name {
			return true
		}
	}
	return false
}

// teller tells the endpoint who it is, and the client what the service answered.
type teller struct{ *asker }

// Request implements [http7.Policy].
func (p teller) Request(x *http7.Exchange) http7.Verdict {
	if p.strips {
		x.Request.DelID(http7.Authorization)
	}
	var claims []http7.Claim
	s, asked := x.Kept(p.asker).(*said)
	if asked {
		claims = s.claims
	}
	at := 0 // claims come in the order of copied
	for i := range p.copied {
		c := &p.copied[i]
		if !asked && !c.read { // what clients write there has gone before (Step.Sets), and another policy may have told who it is
			continue
		}
		x.Request.Del(c.name)
		for ; at < len(claims) && claims[at].Name == c.claim; at++ {
			x.Request.Add(c.name, claims[at].Value)
		}
	}
	return http7.Continue
}

// Response implements [http7.ResponsePolicy]: a refusal becomes the service's own answer. It comes before all others that
// see the answer. gRPC clients, which read no such answers, get the fault's.
func (p teller) Response(x *http7.Exchange) http7.Verdict {
	s, _ := x.Kept(p.asker).(*said)
	if s == nil || s.status == 0 || x.Fault != s.fault || x.GRPCWeb != nil || http7.GRPCType(&x.Request) != nil {
		return http7.Continue
	}
	a := x.LocalAnswer(s.status)
	for i := range s.fields {
		a.Header.AddRaw(s.fields[i].name, s.fields[i].value)
	}
	a.Length = int64(len(s.body))
	if body := s.body; string(x.Method) != "HEAD" {
		a.Source = http7.NewBytes(body)
	} else {
		a.Source = http7.NewBytes(nil)
	}
	return http7.Continue
}

// The faults, by the status of the service's answer.
var (
	denials = map[int]*http7.Fault{
		301: redirect(301, "Moved Permanently"), 302: redirect(302, "Found"), 303: redirect(303, "See Other"),
		307: redirect(307, "Temporary Redirect"), 308: redirect(308, "Permanent Redirect"),
		401: {Side: http7.Client, Kind: http7.Refused, Name: "forward_auth_unauthorized", Status: 401, GRPC: 16, ProxyStatus: "http_request_denied", Title: "Unauthorized", Detail: "The request lacks a credential that is good."},
		403: {Side: http7.Client, Kind: http7.Refused, Name: "forward_auth_forbidden", Status: 403, GRPC: 7, ProxyStatus: "http_request_denied", Title: "Forbidden", Detail: "The request is not allowed."},
		429: {Side: http7.Client, Kind: http7.Limit, Name: "forward_auth_limited", Status: 429, GRPC: 8, ProxyStatus: "http_request_denied", Title: "Too Many Requests", Detail: "There were too many requests."},
	}
	otherDenial = &http7.Fault{Side: http7.Client, Kind: http7.Refused, Name: "forward_auth_denied", Status: 403, GRPC: 7, ProxyStatus: "http_request_denied", Title: "Forbidden", Detail: "The request is not allowed."}
	unavailable = &http7.Fault{Side: http7.Internal, Kind: http7.Unavailable, Name: "forward_auth_unavailable", Status: 503, GRPC: 14, ProxyStatus: "proxy_internal_error", Title: "Service Unavailable", Detail: "Who may ask could not be found out.", Extra: "Retry-After: 1\r\n"}
)

func redirect(status int, title string) *http7.Fault {
	return &http7.Fault{Side: http7.Client, Kind: http7.Refused, Name: "forward_auth_redirect", Status: status, GRPC: 16, ProxyStatus: "http_request_denied", Title: title, Detail: "The request lacks a credential that is good."}
}
