package admin

import (
	"strings"
	"testing"

	"weir/internal/conf"
)

func TestWrongConfigsAreRefusedByKey(t *testing.T) {
	const long = "a token of some length"
	for _, tc := range []struct{ address, token, want string }{
		{"127.0.0.1:9901", "", ""},
		{"127.0.0.2:9901", "", ""},
		{"[::1]:9901", "", ""},
		{"unix:/run/weir.sock", "", ""},
		{"off", "", ""},
		{"off", "short", ""},
		{"0.0.0.0:9901", long, ""},
		{":9901", long, ""},
		{":9901", "", `address: ":9901" can be reached from outside, and there is no token`},
		{"0.0.0.0:9901", "", `address: "0.0.0.0:9901" can be reached from outside, and there is no token`},
		{"10.0.0.7:9901", "", `address: "10.0.0.7:9901" can be reached from outside, and there is no token`},
		{"[::ffff:10.0.0.7]:9901", "", `address: "[::ffff:10.0.0.7]:9901" can be reached from outside, and there is no token`},
		{"weir.internal:9901", long, `address: "weir.internal" is a name; the admin server binds an IP address`},
		{"127.0.0.1:9901", "fifteen letters", "token: the token is short enough to be guessed"},
		{"0.0.0.0:9901", "fifteen letters", "token: the token is short enough to be guessed"},
	} {
		c := config(t, tc.address, tc.token)
		p := conf.NewProblems()
		c.Check(p)
		var got []string
		for _, pr := range p.List() {
			got = append(got, pr.Path.String()+": "+pr.Text)
			if strings.Contains(pr.Text+pr.Hint, tc.token) && tc.token != "" {
				t.Errorf("%s: the problem shows the token", tc.address)
			}
		}
		if g := strings.Join(got, "; "); g != tc.want {
			t.Errorf("%s: problems %q, want %q", tc.address, g, tc.want)
		}
	}
}

func TestTheDefaultIsLoopbackAndNeedsNoToken(t *testing.T) {
	c, p := Default(), conf.NewProblems()
	if c.Check(p); len(p.List()) != 0 || c.Address.String() != "127.0.0.1:9901" {
		t.Errorf("default %v: %v", c.Address, p.List())
	}
}

func TestNoAddressIsAProblem(t *testing.T) {
	p := conf.NewProblems()
	if (&Config{}).Check(p); len(p.List()) != 1 || p.List()[0].Path.String() != "address" {
		t.Errorf("problems %v", p.List())
	}
}
