package authorise

import (
	"strings"
	"testing"
	"time"

	"weir/http7"
)

var costs = []struct {
	what, require string
	most          float64 // allocations
}{
	{"scope", "scope:orders.read", 0},
	{"group", "group:partners", 0},
	{"combination", "scope:orders.write && (group:partners || group:admins) && !scope:none", 0},
	{"claim", `claims["plan"] == "gold"`, 10},
	{"tenant", `headers["X-Tenant"] == claims["tenant"] && path startsWith "/orders/" && client_in("10.0.0.0/8", "192.0.2.0/24")`, 10},
	{"regexp", `path matches "^/orders/[0-9]+$" && scope:orders.read`, 10},
	{"list", `any(groups, # startsWith "part") && "admin" in claim_values["role"]`, 10},
}

func TestWhatAdmittedRequestsAllocate(t *testing.T) {
	for _, c := range costs {
		s, x := steps(t, Rule{Methods: []string{"PUT"}, Require: "false"}, Rule{Paths: []string{"/orders/{id}"}, Require: c.require}), asked(nil)
		if n := testing.AllocsPerRun(1000, func() {
			if v := s[0].Request.Request(x); v.Fault != nil {
				t.Fatalf("%s is refused", c.require)
			}
		}); n > c.most {
			t.Errorf("%s allocates %v times, want at most %v", c.what, n, c.most)
		}
	}
}

// The longest texts that a request may have, and the most of everything: no expression takes long.
func TestNoExpressionTakesLong(t *testing.T) {
	x := asked(func(x *http7.Exchange) {
		x.Path = []byte("/" + strings.Repeat("a", 30<<10))
		for range 1000 {
			x.Groups = append(x.Groups, strings.Repeat("a", 20))
		}
	})
	for _, text := range []string{
		`path matches "(a*)*(a*)*(a*)*(a*)*b"`,
		`any(groups, # matches "^(a|aa)+$" && # == path)`,
		strings.Repeat(`upper(path) == "a" || `, 40) + "false",
		`len(split(path, "a")) < 2`,
		strings.TrimSuffix(strings.Repeat("path + ", 80), "+ ") + ` == ""`,
	} {
		r := requires(t, text)
		begin := time.Now()
		if ok, err := r.holds(x); ok || err != nil {
			t.Errorf("%.40s: %v, %v", text, ok, err)
		}
		if took := time.Since(begin); took > 2*time.Second { // ten times as long as on a machine that is busy
			t.Errorf("%.40s takes %v", text, took)
		}
	}
}

func BenchmarkAdmitted(b *testing.B) {
	for _, c := range costs {
		b.Run(c.what, func(b *testing.B) {
			s, x := steps(b, Rule{Require: c.require}), asked(nil)
			b.ReportAllocs()
			for b.Loop() {
				if v := s[0].Request.Request(x); v.Fault != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkRules(b *testing.B) {
	var rules []Rule
	for range 20 {
		rules = append(rules, Rule{Methods: []string{"PUT", "PATCH"}, Paths: []string{"/orders/{id}"}, Require: "false"}, Rule{Paths: []string{"/customers/*"}, Require: "false"})
	}
	s, x := steps(b, append(rules, Rule{Require: "scope:orders.read"})...), asked(nil)
	b.ReportAllocs()
	for b.Loop() {
		if v := s[0].Request.Request(x); v.Fault != nil {
			b.Fatal("refused")
		}
	}
}
