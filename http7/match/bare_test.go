package match

import "testing"

func TestTheBareHostIsWhatPatternsAreComparedWith(t *testing.T) {
	for in, want := range map[string]string{
		"API.example.com:8080": "api.example.com", "a.": "a", "a.:80": "a", "[2001:DB8::1]:80": "[2001:db8::1]", "": "",
	} {
		if got := BareHost([]byte(in)); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
