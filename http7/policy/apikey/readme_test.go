package apikey_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"weir/http7/policy/apikey"
	"weir/http7/policy/policytest"
	"weir/internal/config"
	"weir/internal/testkit"
)

func TestTheExamplesOfTheReadmeDoWhatTheySay(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, file, _ := strings.Cut(string(text), "```\n[[keys]]")
	file, _, _ = strings.Cut("[[keys]]"+file, "```")
	sum := sha256.Sum256([]byte("foo")) // whose hash the example has
	if !strings.Contains(file, hex.EncodeToString(sum[:])) {
		t.Fatalf("the file is\n%s", file)
	}
	requests := []struct{ request, want string }{
		{"GET /a HTTP/1.1\nHost: h\nX-Api-Key: foo\nX-Consumer: me\n\n", "Host: h\nX-Consumer: shop\nX-Plan: gold\n"},
		{"GET /a HTTP/1.1\nHost: h\nA: 1\nAuthorization: Bearer foo\n\n", "Host: h\nA: 1\n"},
	}
	read := func(string) ([]byte, error) { return []byte(file), nil }
	for i, c := range policytest.Examples(t, len(requests), policytest.Site, config.Parse, config.Options{ReadFile: read}, "tokens in a URL are kept") {
		section := c.Policies["partners"].APIKey
		section.KeysFile = policytest.File(t, "keys.toml", file)
		steps, err := apikey.Compile(section, "partners", policytest.Needs(t))
		if err != nil {
			t.Fatal(err)
		}
		r := testkit.Policy(t, steps, requests[i].request, "")
		if r.Consumer != "shop" || r.Request != requests[i].want {
			t.Errorf("example %d: %s, and the endpoint gets %q, want %q", i+1, r.Consumer, r.Request, requests[i].want)
		}
		bad := testkit.Policy(t, steps, strings.Replace(requests[i].request, "foo", "bar", 1), "")
		if bad.Status != 401 || !strings.Contains(bad.Answer, "WWW-Authenticate: ") || !strings.Contains(bad.Body, `"fault":"api_key_invalid"`) || strings.Contains(bad.Body+bad.Answer, "bar") {
			t.Errorf("example %d: a wrong key: %d %q %q", i+1, bad.Status, bad.Answer, bad.Body)
		}
	}
}
