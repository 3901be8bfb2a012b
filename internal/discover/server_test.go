package discover

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// zone is a real DNS server on a port of its own, by UDP and TCP, whose records a test changes at will.
type zone struct {
	addr string

	mu      sync.Mutex
	records map[string][]string // "name type" -> records in the text of a zone file, without the name
	rcode   map[string]int      // "name type" -> what it answers instead
	hook    func(w dns.ResponseWriter, q, m *dns.Msg) bool
	asked   map[string]int
	tcp     int
}

func newZone(t *testing.T) *zone {
	t.Helper()
	z := &zone{records: map[string][]string{}, rcode: map[string]int{}, asked: map[string]int{}}
	pc, l := bothProtocols(t)
	z.addr = pc.LocalAddr().String()
	for _, s := range []*dns.Server{{PacketConn: pc}, {Listener: l}} {
		s.Handler = dns.HandlerFunc(z.serve)
		go s.ActivateAndServe() //nolint // ends with Shutdown
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return z
}

// bothProtocols returns sockets on a port that is free for UDP and TCP.
func bothProtocols(t *testing.T) (net.PacketConn, net.Listener) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if pc, err := net.ListenPacket("udp", l.Addr().String()); err == nil {
			return pc, l
		}
		l.Close()
	}
	t.Fatal("no port is free for both")
	return nil, nil
}

func (z *zone) serve(w dns.ResponseWriter, q *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	at := strings.TrimSuffix(q.Question[0].Name, ".") + " " + dns.TypeToString[q.Question[0].Qtype]
	z.asked[at]++
	if w.RemoteAddr().Network() == "tcp" {
		z.tcp++
	}
	m := new(dns.Msg)
	m.SetReply(q)
	m.Rcode = z.rcode[at]
	name := q.Question[0].Name
	for range 20 { // aliases are answered with what they lead to
		list := z.records[strings.TrimSuffix(name, ".")+" CNAME"]
		if len(list) == 0 {
			break
		}
		m.Answer = append(m.Answer, record(name, "CNAME", list[0]))
		name = list[0][strings.Index(list[0], "!")+1:]
	}
	for _, text := range z.records[strings.TrimSuffix(name, ".")+" "+dns.TypeToString[q.Question[0].Qtype]] {
		m.Answer = append(m.Answer, record(name, dns.TypeToString[q.Question[0].Qtype], text))
	}
	if z.hook != nil && z.hook(w, q, m) {
		return
	}
	if w.RemoteAddr().Network() == "udp" {
		m.Truncate(maxAnswer)
	}
	_ = w.WriteMsg(m)
}

// record is one record; text may begin with a time to live, else that is a minute.
func record(name, kind, text string) dns.RR {
	ttl, data := "60", text
	if first, rest, ok := strings.Cut(text, "!"); ok {
		ttl, data = first, rest
	}
	rr, err := dns.NewRR(name + " " + ttl + " IN " + kind + " " + data)
	if err != nil {
		panic(err)
	}
	return rr
}

// set makes the records of "name TYPE" what is listed.
func (z *zone) set(at string, records ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.rcode, at)
	z.records[at] = records
}

// refuse makes the server answer "name TYPE" with a code.
func (z *zone) refuse(at string, code int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.rcode[at] = code
	delete(z.records, at)
}

func (z *zone) intercept(f func(w dns.ResponseWriter, q, m *dns.Msg) bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.hook = f
}

func (z *zone) count(at string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[at]
}

func (z *zone) byTCP() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.tcp
}

// ips is a list of addresses as text.
func ips(list []netip.Addr) string {
	var texts []string
	for _, ip := range list {
		texts = append(texts, ip.String())
	}
	return strings.Join(texts, " ")
}
