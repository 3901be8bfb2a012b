package discover

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"weir/internal/conf"
	"weir/lb"
)

// running is a source that runs, with what it has published and logged.
type running struct {
	t      *testing.T
	source *Source
	news   chan []lb.Place
	mu     sync.Mutex
	log    bytes.Buffer
}

func (r *running) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(b)
}

func (r *running) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// run starts the source of the upstream orders; it has ended when the test has.
func run(t *testing.T, c *Config, endpoints ...lb.EndpointConfig) *running {
	t.Helper()
	r := &running{t: t, news: make(chan []lb.Place, 100)}
	r.source = New("orders", c, endpoints, slog.New(slog.NewTextHandler(r, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	var over sync.WaitGroup
	over.Go(func() { r.source.Run(ctx, func(p []lb.Place) { r.news <- p }) })
	t.Cleanup(func() { cancel(); over.Wait() })
	return r
}

// next returns what is published next, as text.
func (r *running) next() string {
	r.t.Helper()
	select {
	case p := <-r.news:
		return placesText(p)
	case <-time.After(time.Minute):
		r.t.Fatalf("nothing is published; status %+v", r.source.Status())
	}
	return ""
}

// until waits for a state of the source that no event tells of.
func (r *running) until(what string, ok func(Status) bool) {
	r.t.Helper()
	for from := time.Now(); !ok(r.source.Status()); {
		if time.Since(from) > time.Minute {
			r.t.Fatalf("%s: %+v", what, r.source.Status())
		}
		<-time.After(5 * time.Millisecond)
	}
}

// says waits for words in the log, which come a little after what they tell of.
func (r *running) says(words string) {
	r.t.Helper()
	r.until("the log says "+words, func(Status) bool { return strings.Contains(r.logged(), words) })
}

func placesText(list []lb.Place) string {
	var texts []string
	for _, p := range list {
		text := p.Address.String()
		if p.Name != "" {
			text += "(" + p.Name + ")"
		}
		if p.Weight != 1 || p.Tier != 0 || p.Zone != "" {
			text += fmt.Sprintf("[%d %d %s]", p.Weight, p.Tier, p.Zone)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

// byDNS is the config of a name that is looked up at a zone ten times a second.
func byDNS(t *testing.T, z *zone, name string) *Config {
	t.Helper()
	return &Config{DNS: name, Refresh: conf.Dur(leastRefresh), Resolver: []conf.Address{address(t, z.addr)}}
}

func address(t *testing.T, text string) conf.Address {
	t.Helper()
	a, err := conf.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestEndpointsFollowTheName(t *testing.T) {
	z := newZone(t)
	z.set("orders.test A", "10.0.0.1", "10.0.0.2")
	r := run(t, byDNS(t, z, "orders.test:8080"))
	if got := r.next(); got != "10.0.0.1:8080(orders.test:8080) 10.0.0.2:8080(orders.test:8080)" {
		t.Error(got)
	}
	<-r.source.First()
	z.set("orders.test A", "10.0.0.2", "10.0.0.3")
	if got := r.next(); got != "10.0.0.2:8080(orders.test:8080) 10.0.0.3:8080(orders.test:8080)" {
		t.Error(got)
	}
	if log := r.logged(); !strings.Contains(log, "added=10.0.0.3:8080 removed=10.0.0.1:8080") {
		t.Errorf("the log does not tell of the change:\n%s", log)
	}
	if s := r.source.Status(); s.Places != 2 || s.Err != nil || s.What != "dns orders.test:8080" || s.Changed.IsZero() {
		t.Errorf("%+v", s)
	}
}

func TestFailuresKeepTheLastGoodAnswer(t *testing.T) {
	z := newZone(t)
	z.set("orders.test A", "10.0.0.1")
	r := run(t, byDNS(t, z, "orders.test:80"))
	r.next()
	z.refuse("orders.test A", dns.RcodeServerFailure)
	r.until("the failure shows", func(s Status) bool { return s.Err != nil && !s.Since.IsZero() })
	z.refuse("orders.test A", dns.RcodeNameError)
	r.until("so does the next", func(s Status) bool { return s.Err != nil && strings.Contains(s.Err.Error(), "NXDOMAIN") })
	if got := placesText(r.source.Places()); got != "10.0.0.1:80(orders.test:80)" || len(r.news) != 0 {
		t.Errorf("%s, %d published", got, len(r.news))
	}
	z.set("orders.test A", "10.0.0.1")
	r.until("it is well again", func(s Status) bool { return s.Err == nil })
	if len(r.news) != 0 {
		t.Error("the same list is published again")
	}
	r.says("is found again")
	log := r.logged()
	for _, want := range []string{"keeps its 1 endpoint: A orders.test: " + z.addr + ": it answered SERVFAIL", "NXDOMAIN", "is found again"} {
		if strings.Count(log, want) != 1 {
			t.Errorf("%q is not logged once:\n%s", want, log)
		}
	}
}

func TestANameThatNeverResolves(t *testing.T) {
	z := newZone(t)
	r := run(t, byDNS(t, z, "nowhere.test:80"))
	<-r.source.First()
	r.until("that shows", func(s Status) bool { return s.Err != nil && s.Places == 0 })
	if len(r.news) != 0 {
		t.Error("nothing was published as a list")
	}
	r.says("upstream orders has no endpoint: ")
}

func TestWrittenEndpointsAndNamesMix(t *testing.T) {
	z := newZone(t)
	z.set("orders.test A", "10.0.0.1", "10.0.0.7")
	name := lb.DefaultEndpoint()
	name.Address, name.Weight, name.Zone, name.Backup = address(t, "orders.test:80"), 3, "eu-1a", true
	fixed := lb.DefaultEndpoint()
	fixed.Address = address(t, "10.0.0.7:80")
	list := []lb.EndpointConfig{fixed, name}
	if !Needed(list) || Needed(list[:1]) {
		t.Error("a name needs a lookup, an address does not")
	}
	// Of endpoints that are written down the machine's own resolver is asked; this one stands in for it.
	r := &running{t: t, news: make(chan []lb.Place, 10)}
	r.source = New("orders", nil, list, slog.New(slog.DiscardHandler))
	r.source.names.make = func(name string) *addresses {
		return &addresses{name: name, resolver: newResolver([]string{z.addr})}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var over sync.WaitGroup
	over.Go(func() { r.source.Run(ctx, func(p []lb.Place) { r.news <- p }) })
	defer over.Wait()
	defer cancel()
	got := r.next()
	if got == "10.0.0.7:80" { // before the name is looked up
		got = r.next()
	}
	if got != "10.0.0.7:80 10.0.0.1:80(orders.test:80)[3 1 eu-1a]" {
		t.Error(got)
	}
}

func TestLocalhostComesFromTheHostsFile(t *testing.T) {
	e := lb.DefaultEndpoint()
	e.Address = address(t, "localhost:80")
	if got := run(t, nil, e).next(); !strings.Contains(got, "127.0.0.1:80(localhost:80)") {
		t.Error(got)
	}
}

func TestSRVGivesPortsWeightsAndTiers(t *testing.T) {
	z := newZone(t)
	z.set("_http._tcp.orders.test SRV", "10 60 8080 a.test.", "10 0 8081 b.test.", "20 5 9090 c.test.")
	z.set("a.test A", "10.0.0.1")
	z.set("b.test A", "10.0.0.2")
	z.set("c.test A", "10.0.0.3")
	c := &Config{SRV: "_http._tcp.orders.test", Refresh: conf.Dur(leastRefresh), Resolver: []conf.Address{address(t, z.addr)}}
	r := run(t, c)
	want := "10.0.0.1:8080(a.test:8080)[60 0 ] 10.0.0.2:8081(b.test:8081) 10.0.0.3:9090(c.test:9090)[5 1 ]"
	got := ""
	for len(got) < len(want) { // names come one by one
		got = r.next()
	}
	if got != want {
		t.Error(got)
	}
	z.set("_http._tcp.orders.test SRV", "0 0 0 .") // RFC 2782: the service is decidedly not there
	r.until("that shows", func(s Status) bool { return s.Err != nil && strings.Contains(s.Err.Error(), "no such service") })
	z.set("_http._tcp.orders.test SRV", "10 60 8080 a.test.")
	if got := r.next(); got != "10.0.0.1:8080(a.test:8080)[60 0 ]" {
		t.Error(got)
	}
	r.until("all is well", func(s Status) bool { return s.Err == nil })
}

func TestTargetsOfSRV(t *testing.T) {
	for _, c := range []struct {
		name    string
		records []string
		want    string
		fails   string
	}{
		{"the least priority first", []string{"2 1 80 b.", "1 1 80 a.", "9 1 80 c."}, "a:80/1/0 b:80/1/1 c:80/1/2", ""},
		{"weights above a thousand are scaled", []string{"0 65535 80 a.", "0 6553 80 b.", "0 1 80 c."}, "a:80/1000/0 b:80/99/0 c:80/1/0", ""},
		{"no such service", []string{"0 0 0 ."}, "", "no such service"},
		{"no port", []string{"0 0 0 a."}, "", `the target "a." port 0`},
		{"some are none", []string{"0 1 0 a.", "1 2 80 b.", "2 1 80 c."}, "b:80/2/0 c:80/1/1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var records []dns.RR
			for _, text := range c.records {
				records = append(records, record("x.", "SRV", text))
			}
			list, err := targets(records)
			var texts []string
			for _, e := range list {
				texts = append(texts, fmt.Sprintf("%s/%d/%d", e.address, e.weight, e.tier))
			}
			if got := strings.Join(texts, " "); got != c.want || c.fails == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s, %v; want %s %s", got, err, c.want, c.fails)
			}
		})
	}
}

func TestAFileIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "orders.toml")
		write := func(text string) {
			t.Helper()
			// Anew beside it and over it, as good writers do.
			if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}
		r := run(t, &Config{File: path, Refresh: conf.OffDuration})
		<-r.source.First()
		if err := r.source.Status().Err; err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("without the file: %v", err)
		}
		write(`endpoints = ["10.0.0.1:80", { address = "10.0.0.2:80", weight = 3, zone = "b", backup = true }]`)
		if got := r.next(); got != "10.0.0.1:80 10.0.0.2:80[3 1 b]" {
			t.Error(got)
		}
		write("endpoints = [\n  \"10.0.0.1:80\",\n  { addres = \"10.0.0.2:80\" },\n]")
		r.until("the mistake shows", func(s Status) bool { return s.Err != nil && strings.Contains(s.Err.Error(), "line 3, column ") })
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		r.until("that it has gone shows", func(s Status) bool { return s.Err != nil && strings.Contains(s.Err.Error(), "no such file") })
		if s := r.source.Status(); s.Places != 2 {
			t.Errorf("%d endpoints are left", s.Places)
		}
		write(`endpoints = "10.0.0.3:80"`)
		if got := r.next(); got != "10.0.0.3:80" {
			t.Error(got)
		}
		r.until("all is well", func(s Status) bool { return s.Err == nil })
	})
}

func TestWhatAFileMayHold(t *testing.T) {
	for _, c := range []struct{ text, want, fails string }{
		{`endpoints = ["10.0.0.1:80"]`, "1", ""},
		{`endpoints = []`, "", "no endpoint"},
		{``, "", "no endpoint"},
		{`endpoint = ["10.0.0.1:80"]`, "", "endpoint"},
		{`endpoints = ["10.0.0.1:80", "10.0.0.1:80"]`, "", "written twice"},
		{`endpoints = [{ address = "10.0.0.1:80", weight = 0 }]`, "", "weight"},
		{`endpoints = ["10.0.0.1"]`, "", "10.0.0.1"},
		{`endpoints = [`, "", "line 1"},
		{"\x00", "", "line 1"},
	} {
		list, err := parse("orders.toml", []byte(c.text))
		got := ""
		if len(list) > 0 {
			got = fmt.Sprint(len(list))
		}
		if got != c.want || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%q: %s endpoints, %v; want %s %s", c.text, got, err, c.want, c.fails)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(`endpoints = ["10.0.0.1:80", { address = "a:80", weight = 3 }]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := parse("orders.toml", raw)
		for _, e := range list {
			if err != nil || e.weight < 1 || e.address.IsZero() {
				t.Fatalf("%+v, %v", e, err)
			}
		}
	})
}

func TestPace(t *testing.T) {
	fails := errNoName
	for _, c := range []struct {
		name string
		pace pace
		ttl  time.Duration
		err  error
		want time.Duration
	}{
		{"by the time to live", pace{}, time.Minute, nil, time.Minute},
		{"not too often", pace{}, 0, nil, leastTTL},
		{"not too rarely", pace{}, time.Hour, nil, mostTTL},
		{"as configured", pace{refresh: 5 * time.Second}, time.Hour, nil, 5 * time.Second},
		{"soon after the first failure", pace{}, 0, fails, leastTTL},
		{"later after the next", pace{retry: 4 * time.Second}, 0, fails, 8 * time.Second},
		{"but not too late", pace{retry: 20 * time.Second}, 0, fails, mostRetry},
		{"a failure keeps the configured pace", pace{refresh: 5 * time.Second}, 0, fails, 5 * time.Second},
	} {
		for range 100 {
			p := c.pace
			if got := p.next(c.ttl, c.err); got < time.Duration(float64(c.want)*(1-jitter)) || got > time.Duration(float64(c.want)*(1+jitter)) {
				t.Fatalf("%s: %v, want about %v", c.name, got, c.want)
			}
		}
	}
	p := pace{retry: mostRetry}
	if p.next(time.Minute, nil); p.retry != 0 {
		t.Error("a good answer does not forget the failures")
	}
}

func TestNamesThatAreNoLongerWantedAreNotLookedUp(t *testing.T) {
	z := newZone(t)
	z.set("a.test A", "10.0.0.1")
	z.set("b.test A", "10.0.0.2")
	z.set("_x._tcp.test SRV", "0 1 80 a.test.", "0 1 80 b.test.")
	r := run(t, &Config{SRV: "_x._tcp.test", Refresh: conf.Dur(leastRefresh), Resolver: []conf.Address{address(t, z.addr)}})
	for got := ""; strings.Count(got, "10.0.0") < 2; {
		got = r.next()
	}
	z.set("_x._tcp.test SRV", "0 1 80 b.test.")
	if got := r.next(); got != "10.0.0.2:80(b.test:80)" {
		t.Error(got)
	}
	before, b := z.count("a.test A"), z.count("b.test A")
	for z.count("b.test A") < b+3 { // three more rounds
		<-time.After(5 * time.Millisecond)
	}
	if n := z.count("a.test A"); n > before+1 {
		t.Errorf("a.test has been looked up %d times since it went", n-before)
	}
}
