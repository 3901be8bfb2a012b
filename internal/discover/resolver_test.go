package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// look asks a zone for all addresses of a name once.
func look(t *testing.T, z *zone, name string) (string, time.Duration, error) {
	t.Helper()
	a := &addresses{name: name, resolver: newResolver([]string{z.addr})}
	found, ttl, err := a.look(t.Context())
	return ips(found), ttl, err
}

func TestBothFamiliesAreFoundInOrder(t *testing.T) {
	z := newZone(t)
	z.set("orders.test A", "30!10.0.0.2", "10.0.0.1", "10.0.0.2")
	z.set("orders.test AAAA", "2001:db8::1")
	got, ttl, err := look(t, z, "orders.test")
	if got != "10.0.0.1 10.0.0.2 2001:db8::1" || ttl != 30*time.Second || err != nil {
		t.Errorf("%s for %v, %v", got, ttl, err)
	}
}

func TestANameOfOneFamilyHasThatOne(t *testing.T) {
	z := newZone(t)
	z.set("four.test A", "10.0.0.1")
	z.set("six.test AAAA", "2001:db8::1")
	z.set("odd.test A", "10.0.0.1")
	z.refuse("odd.test AAAA", dns.RcodeNameError) // a server that denies the name where it has no such record
	for name, want := range map[string]string{"four.test": "10.0.0.1", "six.test": "2001:db8::1", "odd.test": "10.0.0.1"} {
		if got, ttl, err := look(t, z, name); got != want || ttl != time.Minute || err != nil {
			t.Errorf("%s: %s for %v, %v; want %s", name, got, ttl, err, want)
		}
	}
}

func TestAliasesAreFollowed(t *testing.T) {
	z := newZone(t)
	z.set("www.test CNAME", "20!Edge.test.")
	z.set("Edge.test CNAME", "eu.edge.test.")
	z.set("eu.edge.test A", "10.0.0.9")
	if got, ttl, err := look(t, z, "www.test"); got != "10.0.0.9" || ttl != 20*time.Second || err != nil {
		t.Errorf("%s for %v, %v; the alias's time to live counts too", got, ttl, err)
	}
	z.set("a.test CNAME", "b.test.")
	z.set("b.test CNAME", "a.test.")
	if got, _, err := look(t, z, "a.test"); got != "" || err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("a circle gives %q, %v", got, err)
	}
}

func TestWhatNobodyAskedForIsNotTaken(t *testing.T) {
	z := newZone(t)
	z.set("orders.test A", "10.0.0.1")
	z.intercept(func(_ dns.ResponseWriter, _, m *dns.Msg) bool {
		m.Answer = append(m.Answer, record("other.test.", "A", "6.6.6.6"), record("orders.test.", "TXT", `"10.0.0.2"`))
		return false
	})
	if got, _, err := look(t, z, "orders.test"); got != "10.0.0.1" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestUnusableAddressesAreLeftOut(t *testing.T) {
	z := newZone(t)
	z.set("orders.test A", "0.0.0.0", "224.0.0.1", "10.0.0.1")
	z.set("orders.test AAAA", "::", "ff02::1", "::ffff:10.0.0.2")
	if got, _, err := look(t, z, "orders.test"); got != "10.0.0.1 10.0.0.2" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	z.set("empty.test A", "0.0.0.0")
	if got, _, err := look(t, z, "empty.test"); got != "" || !errors.Is(err, errNoRecord) {
		t.Errorf("nothing usable gives %q, %v", got, err)
	}
}

func TestAnAnswerThatIsCutComesByTCP(t *testing.T) {
	z := newZone(t)
	var want []string
	for i := range 500 {
		want = append(want, fmt.Sprintf("10.0.%d.%d", i/250, i%250+1))
	}
	z.set("many.test A", want...)
	got, _, err := look(t, z, "many.test")
	if n := len(strings.Fields(got)); n != 500 || err != nil || z.byTCP() == 0 {
		t.Errorf("%d addresses, %v, %d questions by TCP", n, err, z.byTCP())
	}
}

func TestWhatAServerMayDo(t *testing.T) {
	for _, c := range []struct {
		name string
		hook func(w dns.ResponseWriter, q, m *dns.Msg) bool
		want string
	}{
		{"garbage", func(w dns.ResponseWriter, _, _ *dns.Msg) bool { w.Write([]byte("\x00garbage")); return true }, "dns"},
		{"failure", func(_ dns.ResponseWriter, _, m *dns.Msg) bool { m.Rcode = dns.RcodeServerFailure; return false }, "it answered SERVFAIL"},
		{"refusal", func(_ dns.ResponseWriter, _, m *dns.Msg) bool { m.Rcode = dns.RcodeRefused; return false }, "it answered REFUSED"},
		{"no such name", func(_ dns.ResponseWriter, _, m *dns.Msg) bool {
			m.Rcode, m.Answer = dns.RcodeNameError, nil
			return false
		}, "NXDOMAIN"},
		{"another question", func(_ dns.ResponseWriter, _, m *dns.Msg) bool { m.Question[0].Name = "other.test."; return false }, "another question"},
		{"a query", func(_ dns.ResponseWriter, _, m *dns.Msg) bool { m.Response = false; return false }, "another question"},
		{"cut everywhere", func(_ dns.ResponseWriter, _, m *dns.Msg) bool { m.Truncated = true; return false }, "by TCP too"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad, good := newZone(t), newZone(t)
			bad.set("orders.test A", "10.0.0.66")
			bad.intercept(c.hook)
			good.set("orders.test A", "10.0.0.1")
			if got, _, err := look(t, bad, "orders.test"); got != "" || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("alone: %q, %v; want %q", got, err, c.want)
			}
			if c.want == "NXDOMAIN" {
				return // that is an answer
			}
			a := &addresses{name: "orders.test", resolver: newResolver([]string{bad.addr, good.addr})}
			if found, _, err := a.look(t.Context()); ips(found) != "10.0.0.1" || err != nil {
				t.Errorf("with another server: %s, %v", ips(found), err)
			}
		})
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	good := newZone(t)
	good.set("orders.test A", "10.0.0.1")
	from := time.Now()
	a := &addresses{name: "orders.test", resolver: newResolver([]string{silent.LocalAddr().String(), good.addr})}
	if found, _, err := a.look(t.Context()); ips(found) != "10.0.0.1" || err != nil {
		t.Errorf("%s, %v", ips(found), err)
	}
	if took := time.Since(from); took > 10*patience {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	from = time.Now()
	if _, _, err := a.look(ctx); err == nil || time.Since(from) > 10*patience {
		t.Errorf("without time: %v after %v", err, time.Since(from))
	}
}

func TestTheLastGoodAnswerOfEachFamilyStays(t *testing.T) {
	z := newZone(t)
	z.set("orders.test A", "10.0.0.1")
	z.set("orders.test AAAA", "2001:db8::1")
	a := &addresses{name: "orders.test", resolver: newResolver([]string{z.addr})}
	step := func(what, want string, fails bool) {
		t.Helper()
		found, _, err := a.look(t.Context())
		if ips(found) != want || fails != (err != nil) {
			t.Errorf("%s: %s, %v; want %s", what, ips(found), err, want)
		}
	}
	step("at first", "10.0.0.1 2001:db8::1", false)
	z.refuse("orders.test AAAA", dns.RcodeServerFailure)
	z.set("orders.test A", "10.0.0.2")
	step("one family fails", "10.0.0.2 2001:db8::1", true)
	z.refuse("orders.test A", dns.RcodeServerFailure)
	step("both fail", "10.0.0.2 2001:db8::1", true)
	z.refuse("orders.test A", dns.RcodeNameError)
	z.refuse("orders.test AAAA", dns.RcodeNameError)
	step("the name has gone", "10.0.0.2 2001:db8::1", true)
	z.set("orders.test A", "10.0.0.3")
	z.set("orders.test AAAA")
	step("one family alone is back", "10.0.0.3", false)
}

func TestAddressesWithoutAWayAreLeftOutUnlessAllAre(t *testing.T) {
	z := newZone(t)
	z.set("orders.test A", "10.0.0.1")
	z.set("orders.test AAAA", "2001:db8::1")
	for _, c := range []struct {
		route func(netip.Addr) bool
		want  string
	}{
		{netip.Addr.Is4, "10.0.0.1"},
		{netip.Addr.Is6, "2001:db8::1"},
		{func(netip.Addr) bool { return false }, "10.0.0.1 2001:db8::1"},
	} {
		a := &addresses{name: "orders.test", resolver: newResolver([]string{z.addr}), route: c.route}
		if found, _, err := a.look(t.Context()); ips(found) != c.want || err != nil {
			t.Errorf("%s, %v; want %s", ips(found), err, c.want)
		}
	}
	if !hasRoute(netip.MustParseAddr("127.0.0.1")) {
		t.Error("there is no way to this machine itself")
	}
}

func TestTheSearchListIsGoneThrough(t *testing.T) {
	z := newZone(t)
	host, port, _ := net.SplitHostPort(z.addr)
	r := &resolver{config: func() (*dns.ClientConfig, error) {
		return dns.ClientConfigFromReader(strings.NewReader("nameserver " + host + "\nsearch one.test two.test\noptions ndots:1\n"))
	}}
	inner := r.config
	r.config = func() (*dns.ClientConfig, error) {
		c, err := inner()
		c.Port = port
		return c, err
	}
	z.refuse("db.one.test A", dns.RcodeNameError)
	z.set("db.two.test A", "10.0.0.2")
	records, _, err := r.lookup(t.Context(), "db", dns.TypeA)
	if err != nil || len(records) != 1 || records[0].Header().Name != "db.two.test." {
		t.Errorf("%v, %v", records, err)
	}
	z.refuse("db.one.test A", dns.RcodeServerFailure)
	if _, _, err := r.lookup(t.Context(), "db", dns.TypeA); err == nil {
		t.Error("a failure for the first name of the list must not lead to another name's address")
	}
}

func TestWithoutAServerALookupSaysSo(t *testing.T) {
	r := &resolver{config: func() (*dns.ClientConfig, error) { return &dns.ClientConfig{}, nil }}
	if _, _, err := r.lookup(t.Context(), "db", dns.TypeA); err == nil || !strings.Contains(err.Error(), "no DNS server is known") {
		t.Error(err)
	}
	r.config = func() (*dns.ClientConfig, error) { return nil, errors.New("gone") }
	if _, _, err := r.lookup(t.Context(), "db", dns.TypeA); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Error(err)
	}
}

func TestHostsFile(t *testing.T) {
	text := []byte("127.0.0.1 localhost\n# 10.0.0.1 orders\n10.0.0.2\torders orders.internal # the new one\nfe80::1 Orders\nnonsense orders\n10.0.0.3\n")
	for name, want := range map[string]string{"orders": "10.0.0.2 fe80::1", "orders.internal.": "10.0.0.2", "localhost": "127.0.0.1", "10.0.0.3": "", "new": ""} {
		if got := ips(inHosts(text, strings.TrimSuffix(name, "."))); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if found := fromHosts("/nonexistent/hosts", "orders"); found != nil {
		t.Errorf("a file that is not there has %v", found)
	}
}

// Whatever a server sends, what is taken from it is of the kind that was asked for.
func FuzzAnswer(f *testing.F) {
	for _, rr := range []dns.RR{record("a.test.", "A", "10.0.0.1"), record("a.test.", "CNAME", "b.test."), record("a.test.", "SRV", "1 2 80 c.test.")} {
		m := new(dns.Msg)
		m.SetQuestion("a.test.", rr.Header().Rrtype)
		m.Response, m.Answer = true, []dns.RR{rr, record("b.test.", "AAAA", "::1")}
		raw, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := new(dns.Msg)
		if m.Unpack(raw) != nil {
			return
		}
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV} {
			records, ttl, err := follow(m, "a.test.", kind)
			if err == nil && (len(records) == 0 || ttl < 0) {
				t.Fatalf("%d records for %v without an error", len(records), ttl)
			}
			for _, rr := range records {
				if rr.Header().Rrtype != kind {
					t.Fatalf("%v is not of the kind %d", rr, kind)
				}
			}
			list, err := targets(records)
			for _, e := range list {
				if err != nil || e.weight < 1 || e.weight > maxWeight || e.tier < 0 || e.address.Port() == 0 {
					t.Fatalf("%+v, %v", e, err)
				}
			}
		}
	})
}

func FuzzHosts(f *testing.F) {
	f.Add([]byte("127.0.0.1 a b # c\n::1 a\n"), "a")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		for _, ip := range inHosts(text, name) {
			if !ip.IsValid() {
				t.Fatal(ip)
			}
		}
	})
}
