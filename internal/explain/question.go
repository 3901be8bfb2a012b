package explain

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Question is a request that might be sent.
type Question struct {
	// Listener is the name of the listener that it comes to. "": see [Question.Choose].
	Listener string `json:"listener,omitempty"`
	// Method is as it would be sent. Default: GET.
	Method string `json:"method,omitempty"`
	// URL is absolute, "https://api.example.com/v1?a=b", or a path with its query. What stands behind the authority is
	// sent as it is, escapes included; a fragment is not sent.
	URL string `json:"url"`
	// Header are further fields, in order. A Host among them stands in place of the URL's; with neither it is
	// "localhost".
	Header []Field `json:"header,omitempty"`
	// Body is the content, Base64 the same where it is not UTF-8. A Content-Length is added unless Header frames it.
	Body   string `json:"body,omitempty"`
	Base64 []byte `json:"body_base64,omitempty"`
	// From is the address that the connection comes from; what trusted proxies say of the client is believed as it is
	// when serving. Default: 127.0.0.1.
	From netip.Addr `json:"from,omitzero"`
}

// Content returns the content.
func (q *Question) Content() []byte {
	if len(q.Base64) > 0 {
		return q.Base64
	}
	return []byte(q.Body)
}

// SetContent sets the content, whatever its bytes.
func (q *Question) SetContent(b []byte) {
	q.Body, q.Base64 = "", nil
	if utf8.Valid(b) {
		q.Body = string(b)
	} else {
		q.Base64 = b
	}
}

// place is what a URL says of where a request goes, and what it asks for there.
type place struct {
	scheme    string // "http", "https" or, of a path alone, ""
	authority string // with its port, if it has one
	target    string
}

// place reads the URL. Paths are not looked at: whether one is good is for the hall to say.
func (q *Question) place() (place, error) {
	url, _, _ := strings.Cut(q.URL, "#")
	if strings.HasPrefix(url, "/") || url == "*" {
		return place{target: url}, nil
	}
	scheme, rest, ok := strings.Cut(url, "://")
	p := place{scheme: strings.ToLower(scheme)}
	if !ok {
		p.scheme, rest = "http", url // as curl reads "localhost:8080/a"
	}
	if p.scheme != "http" && p.scheme != "https" {
		return p, fmt.Errorf("the URL's scheme %q is neither http nor https", p.scheme)
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	p.authority, p.target = rest[:end], rest[end:]
	if !strings.HasPrefix(p.target, "/") {
		p.target = "/" + p.target
	}
	switch {
	case p.authority == "":
		return p, fmt.Errorf("the URL %q has no host", q.URL)
	case strings.Contains(p.authority, "@"):
		return p, errors.New("the URL has a user before its host; send an Authorization field")
	}
	return p, nil
}

// Door is a listener as far as the choice of one goes.
type Door struct {
	Listener string
	Ports    []uint16
	TLS      bool
}

// Choose returns the listener that the request comes to: the one it names, else the only one whose port and TLS fit the
// URL, else the only one whose TLS does, else the only one. The error names those there are.
func (q *Question) Choose(doors []Door) (Door, error) {
	if q.Listener != "" {
		return only(doors, "no http listener is called "+strconv.Quote(q.Listener), func(d Door) bool { return d.Listener == q.Listener })
	}
	p, err := q.place()
	if err != nil {
		return Door{}, err
	}
	fits := func(d Door) bool { return p.scheme == "" || d.TLS == (p.scheme == "https") }
	if d, err := only(doors, "", func(d Door) bool { return p.scheme != "" && fits(d) && slices.Contains(d.Ports, p.port()) }); err == nil {
		return d, nil
	}
	if d, err := only(doors, "", fits); err == nil {
		return d, nil
	}
	return only(doors, "it is not plain to which listener the request comes; name it", func(Door) bool { return true })
}

// only returns the only door that fits.
func only(doors []Door, trouble string, fits func(Door) bool) (found Door, err error) {
	var names []string
	n := 0
	for _, d := range doors {
		names = append(names, d.Listener)
		if fits(d) {
			found = d
			n++
		}
	}
	switch {
	case len(doors) == 0:
		return Door{}, errors.New("there is no http listener")
	case n != 1:
		return Door{}, &UnclearError{Text: trouble, Listeners: names}
	}
	return found, nil
}

// UnclearError says that a question does not name one listener.
type UnclearError struct {
	Text      string
	Listeners []string
}

// Error implements error.
func (e *UnclearError) Error() string { return e.Text + ": " + strings.Join(e.Listeners, ", ") }

func (p place) port() uint16 {
	if _, port, err := net.SplitHostPort(p.authority); err == nil {
		n, _ := strconv.ParseUint(port, 10, 16) // 0 fits no listener
		return uint16(n)
	}
	if p.scheme == "https" {
		return 443
	}
	return 80
}

// Sent is a question in the form in which it would arrive.
type Sent struct {
	// Head is an HTTP/1.1 head with its empty line, Body the content behind it.
	Head, Body []byte
	Peer       netip.AddrPort
	// SNI is the name that a client would ask for in its TLS hello; "" if the host is an address.
	SNI string
}

// anyPort stands for the port that the client's system would choose.
const anyPort = 49152

// Send writes the question as a client would. Only what would not stay on its line is refused here: all else is for the
// hall to judge.
func (q *Question) Send() (*Sent, error) {
	p, err := q.place()
	if err != nil {
		return nil, err
	}
	s := &Sent{Body: q.Content(), Peer: netip.AddrPortFrom(q.from(), anyPort)}
	method := q.Method
	if method == "" {
		method = "GET"
	}
	host, framed := p.authority, false
	for _, f := range q.Header {
		switch {
		case strings.EqualFold(f.Name, "Host"):
			host = f.Value
		case strings.EqualFold(f.Name, "Content-Length"), strings.EqualFold(f.Name, "Transfer-Encoding"):
			framed = true
		}
	}
	if host == "" {
		host = "localhost"
	}
	s.SNI = sni(host)
	head := method + " " + p.target + " HTTP/1.1\r\nHost: " + host + "\r\n"
	lines := 2
	for _, f := range q.Header {
		if !strings.EqualFold(f.Name, "Host") {
			head += f.Name + ": " + f.Value + "\r\n"
			lines++
		}
	}
	if len(s.Body) > 0 && !framed {
		head += "Content-Length: " + strconv.Itoa(len(s.Body)) + "\r\n"
		lines++
	}
	if strings.Count(head, "\n") != lines || strings.Count(head, "\r") != lines {
		return nil, errors.New("a line end stands in the method, the URL or a field")
	}
	s.Head = []byte(head + "\r\n")
	return s, nil
}

func (q *Question) from() netip.Addr {
	if q.From.IsValid() {
		return q.From
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// sni is the host without its port; addresses are not asked for by name (RFC 6066 §3).
func sni(authority string) string {
	name := authority
	if host, _, err := net.SplitHostPort(authority); err == nil {
		name = host
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}
