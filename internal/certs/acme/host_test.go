package acme

import (
	"crypto/tls"
	"testing"
	"time"
)

func TestANameFindsItsHostOrTheWildcardAboveIt(t *testing.T) {
	all := hosts{}
	for _, name := range []string{"example.com", "*.example.com", "api.example.com", "*.deep.example.com", "localhost"} {
		all[name] = newHost(name, false)
	}
	for name, want := range map[string]string{
		"example.com":          "example.com",
		"api.example.com":      "api.example.com",
		"www.example.com":      "*.example.com",
		"a.deep.example.com":   "*.deep.example.com",
		"a.b.deep.example.com": "",
		"a.api.example.com":    "",
		"localhost":            "localhost",
		"com":                  "",
		"":                     "",
		".":                    "",
		".example.com":         "*.example.com",
	} {
		got := ""
		if h := all.find(name); h != nil {
			got = h.name
		}
		if got != want {
			t.Errorf("%q finds %q, want %q", name, got, want)
		}
	}
}

func TestOnDemandAllowsNamesAndOneLabelBelow(t *testing.T) {
	o := &OnDemand{Hosts: []string{"Shop.example.com", "*.customers.example.com"}}
	for name, want := range map[string]bool{
		"shop.example.com":            true,
		"a.customers.example.com":     true,
		"customers.example.com":       false,
		"a.b.customers.example.com":   false,
		".customers.example.com":      false,
		"*.customers.example.com":     false,
		"-a.customers.example.com":    false,
		"a b.customers.example.com":   false,
		"a\x00.customers.example.com": false,
		"":                            false,
		"127.0.0.1":                   false,
	} {
		if got := o.allows(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	if (*OnDemand)(nil).allows("shop.example.com") {
		t.Error("nothing allows something")
	}
}

// holding is a host with a certificate that is valid for 90 days.
func holding(demanded bool) *host {
	h := newHost("h", demanded)
	h.cert.Store(&tls.Certificate{Leaf: living(90 * day)})
	return h
}

func TestWhatIsNextForAHost(t *testing.T) {
	at := func(d time.Duration) time.Time { return day0.Add(d) }
	for name, tc := range map[string]struct {
		make func() *host
		now  time.Duration
		what act
		when time.Time
	}{
		"a new one is obtained at once": {func() *host { return newHost("h", false) }, 0, obtain, time.Time{}},
		"after a failure, when it may": {func() *host {
			h := newHost("h", false)
			h.failures, h.retry = 1, at(time.Hour)
			return h
		}, 0, obtain, at(time.Hour)},
		"with a certificate, the authority is asked when to renew": {func() *host { return holding(false) }, 0, look, time.Time{}},
		"then it is renewed": {func() *host {
			h := holding(false)
			h.look = at(61 * day)
			return h
		}, 0, obtain, at(60 * day)},
		"or asked again before": {func() *host {
			h := holding(false)
			h.look = at(day)
			return h
		}, 0, look, at(day)},
		"a failed renewal is tried again later": {func() *host {
			h := holding(false)
			h.look, h.retry = at(100*day), at(61*day)
			return h
		}, 60 * day, obtain, at(61 * day)},
		"one on demand that a client waits for": {func() *host {
			h := newHost("h", true)
			h.wanted = true
			return h
		}, 0, obtain, time.Time{}},
		"one on demand that could not be had is remembered for a while": {func() *host {
			h := newHost("h", true)
			h.failures, h.retry = 1, at(time.Hour)
			return h
		}, 0, drop, at(7 * time.Hour)},
		"one on demand that is asked for is renewed": {func() *host {
			h := holding(true)
			h.look = at(100 * day)
			h.asked.Store(at(50 * day).Unix())
			return h
		}, 60 * day, obtain, at(60 * day)},
		"one on demand that nobody asks for is dropped": {func() *host {
			h := holding(true)
			h.look = at(100 * day)
			h.asked.Store(at(10 * day).Unix())
			return h
		}, 60 * day, drop, at(60 * day)},
	} {
		what, when := tc.make().next(at(tc.now))
		if what != tc.what || !when.Equal(tc.when) {
			t.Errorf("%s: %d at %v, want %d at %v", name, what, when, tc.what, tc.when)
		}
	}
}

func FuzzOnDemandNames(f *testing.F) {
	f.Add("a.customers.example.com")
	f.Add("xn--a.customers.example.com")
	f.Add("../../etc/passwd.customers.example.com")
	o := &OnDemand{Hosts: []string{"*.customers.example.com"}}
	f.Fuzz(func(t *testing.T, name string) {
		name = normal(name)
		if !o.allows(name) {
			return
		}
		for _, c := range []byte(name) {
			if c != '-' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				t.Fatalf("%q is allowed", name)
			}
		}
	})
}
