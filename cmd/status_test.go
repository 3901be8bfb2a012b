package cmd

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"weir/internal/admin"
)

// fleet is a status with everything that a status can have.
func fleet() *admin.Status {
	started := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return started.Add(time.Hour - d) } // an hour after the start
	return &admin.Status{
		Version: "1.2.3", Generation: 7, Config: "weir.toml", Ready: false, Why: "draining", Started: started, UptimeS: 3600,
		Listeners: []admin.ListenerStatus{
			{Name: "raw", Kind: "tcp", Addresses: []string{"127.0.0.1:5432"}, Connections: 3},
			{Name: "web", Kind: "http", Addresses: []string{"0.0.0.0:443", "[::]:443"}, TLS: true, Protocols: []string{"h1", "h2"}, Certificates: []admin.CertificateStatus{
				{Names: []string{"late.example"}, Files: []string{"/l.pem", "/l.key"}, Expires: at(-90 * 24 * time.Hour)},
				{Names: []string{"soon.example", "*.soon.example"}, Files: []string{"/s.pem", "/s.key"}, Expires: at(-50 * time.Hour), Trouble: "the key is not the certificate's", Since: at(5 * time.Minute)},
				{Files: []string{"/ca.pem"}},
			}},
		},
		Upstreams: []admin.UpstreamStatus{
			{Name: "api", Balance: "ewma", Ready: 1, Breaker: "half_open", BreakerSince: at(4 * time.Second), Queued: 4, Endpoints: []admin.EndpointStatus{
				{Address: "10.0.0.1:80", State: "ready", Since: at(59 * time.Minute), InFlight: 2, Limit: 200, LatencyUS: 850, Weight: 1, Idle: 5},
				{Address: "10.0.0.2:80", State: "ejected", Since: at(3 * time.Second), InFlight: 17, Limit: 200, LatencyUS: 12345, Weight: 2, Ejections: 2, Why: "5 errors in a row", Until: at(-17 * time.Second)},
				{Address: "10.0.0.3:80", State: "down", Since: at(3 * time.Second), Why: "connect: connection refused", LatencyUS: 1000000, Weight: 1},
			}},
			{Name: "empty", Balance: "ewma", Source: &admin.SourceStatus{About: "dns nowhere.example:80", Why: "no such name", Since: at(59 * time.Minute)}},
			{Name: "far", Balance: "maglev", Ready: 1, Panic: true, Source: &admin.SourceStatus{About: "srv _http._tcp.far", Changed: at(50 * time.Hour)}, Endpoints: []admin.EndpointStatus{
				{Address: "10.9.0.1:80", Name: "a.far:80", State: "draining", Operator: "draining", Since: at(30 * time.Hour), Zone: "eu-1a", Weight: 1},
				{Address: "10.9.0.2:80", Name: "b.far:80", State: "ready", Since: at(0), Zone: "eu-1b", Backup: 1, Weight: 1},
			}, Orders: []admin.OrderStatus{{Endpoint: "10.9.0.3:80", Operator: "draining", Since: at(5 * time.Minute)}, {Endpoint: "c.far:80", Operator: "maintenance", Since: at(26 * time.Hour)}}},
			{Name: "new", Balance: "random", Source: &admin.SourceStatus{About: "file /etc/weir/new.toml"}},
		},
	}
}

const fleetText = `weir 1.2.3, not ready: draining, generation 7 of weir.toml, up 1h0m

LISTENER  KIND      ADDRESS               SPEAKS  CONNECTIONS
raw       tcp       127.0.0.1:5432                3
web       http+tls  0.0.0.0:443 [::]:443  h1 h2   0
  2 certificates, of which soon.example expires in 2d2h
  soon.example: the key is not the certificate's, for 5m0s

UPSTREAM api: ewma, 1 of 3 ready, breaker half open for 4s, 4 queued
  ENDPOINT     STATE    SINCE  IN FLIGHT  LATENCY  WEIGHT  EJECTED
  10.0.0.1:80  ready    59m0s  2/200      850µs    1
  10.0.0.2:80  ejected  3s     17/200     12.3ms   2       2
    5 errors in a row; back in 17s
  10.0.0.3:80  down     3s     0          1.0s     1
    connect: connection refused

UPSTREAM empty: ewma, 0 of 0 ready
  from dns nowhere.example:80
  failing for 59m0s: no such name
  no endpoint; every use is refused

UPSTREAM far: maglev, 1 of 2 ready, panic: ejected endpoints are used
  from srv _http._tcp.far, changed 2d2h ago
  ENDPOINT     STATE     SINCE  IN FLIGHT  LATENCY  WEIGHT  ZONE   BACKUP  NAME
  10.9.0.1:80  draining  1d6h   0          -        1       eu-1a          a.far:80
  10.9.0.2:80  ready     0s     0          -        1       eu-1b  1       b.far:80
  10.9.0.3:80: draining for 5m0s, not present
  c.far:80: maintenance for 1d2h, not present

UPSTREAM new: random, 0 of 0 ready
  from file /etc/weir/new.toml, no answer yet
  no endpoint; every use is refused
`

func TestAStatusReadsLikeThis(t *testing.T) {
	if got := statusText(fleet()); got != fleetText {
		t.Errorf("got\n%s\nwant\n%s", got, fleetText)
	}
}

func TestAStatusFitsATerminal(t *testing.T) {
	s := fleet()
	s.Upstreams = s.Upstreams[:2] // zones and names of endpoints take as much room as they are long
	// The longest that is normal: IPv4 addresses with long ports, the longest state, busy and slow.
	s.Upstreams[0].Endpoints[0] = admin.EndpointStatus{
		Address: "255.255.255.255:65535", State: "maintenance", Since: s.Started, InFlight: 1000, Limit: 1000, LatencyUS: 999949, Weight: 1000, Ejections: 999,
	}
	for line := range strings.Lines(statusText(s)) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestWhatIsToldOfCertificates(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	named := func(name string, left time.Duration, trouble string) admin.CertificateStatus {
		return admin.CertificateStatus{Names: []string{name}, Expires: now.Add(left), Trouble: trouble}
	}
	var torn []admin.CertificateStatus
	for range 8 {
		torn = append(torn, admin.CertificateStatus{Files: []string{"/ca.pem"}, Trouble: "torn", Since: now.Add(-time.Minute)})
	}
	for _, c := range []struct {
		all  []admin.CertificateStatus
		want string
	}{
		{nil, ""},
		{[]admin.CertificateStatus{{Files: []string{"/ca.pem"}}}, ""},
		{[]admin.CertificateStatus{named("a.test", time.Hour, "")}, "certificate a.test expires in 1h0m"},
		{[]admin.CertificateStatus{named("a.test", -time.Hour, "")}, "certificate a.test has expired 1h0m ago"},
		{[]admin.CertificateStatus{named("a.test", time.Hour, ""), named("b.test", time.Minute, "x")}, "2 certificates, of which b.test expires in 1m0s\n  b.test: x"},
		{[]admin.CertificateStatus{{Trouble: "none yet", Names: []string{"a.test"}}}, "a.test: none yet"},
		{[]admin.CertificateStatus{{Trouble: "x"}}, "without a name: x"},
		{torn, strings.Repeat("/ca.pem: torn, for 1m0s\n  ", 6) + "and 2 others with trouble; --json lists them"},
	} {
		if got := certificatesText(c.all, now); got != c.want {
			t.Errorf("%+v: %q, want %q", c.all, got, c.want)
		}
	}
}

func TestTimesAreWrittenInTheirTwoLargestUnits(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"}, {1499 * time.Millisecond, "1s"}, {59 * time.Second, "59s"}, {time.Minute, "1m0s"}, {3599 * time.Second, "59m59s"},
		{time.Hour, "1h0m"}, {24*time.Hour - time.Second, "23h59m"}, {24 * time.Hour, "1d0h"}, {1000 * time.Hour, "41d16h"},
	} {
		if got := brief(c.d); got != c.want {
			t.Errorf("%v is %q, want %q", c.d, got, c.want)
		}
	}
	for us, want := range map[int64]string{0: "-", 1: "1µs", 999: "999µs", 1000: "1.0ms", 999_900: "999.9ms", 1_000_000: "1.0s", 61_000_000: "61.0s"} {
		if got := latency(us); got != want {
			t.Errorf("%d µs are %q, want %q", us, got, want)
		}
	}
}
