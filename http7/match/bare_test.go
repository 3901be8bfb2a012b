package match

import "testing"

func TestTheBareHostIsWhatPatternsAreComparedWith(t *testing.T) {
	for in, want := range map[string]string{
		"API.example.com:8080": "api.example.com", "a.": "a", "a.:80": "a", "": "",
		"[2001:DB8::1]:80": "[2001:db8::1]", "[2001:0db8:0:0::0001]": "[2001:db8::1]", "[::ffff:192.0.2.1]:80": "[::ffff:192.0.2.1]", "[::FFFF:C000:201]": "[::ffff:192.0.2.1]",
		"[::1": "[::1", "[]": "[]", "[": "[", "[g]": "[g]", "[10.0.0.1]": "[10.0.0.1]", "[fe80::1%eth0]": "[fe80::1%eth0]",
	} {
		if got := BareHost([]byte(in)); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
