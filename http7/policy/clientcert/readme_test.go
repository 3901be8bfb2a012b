package clientcert_test

import (
	"fmt"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/clientcert"
	"weir/http7/policy/policytest"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeDoWhatTheySay(t *testing.T) {
	wants := []string{
		"client_cert app, 0 claims, X-Client-CN: app|",
		"client_cert spiffe://example.com/app%2C1 in dev,ops, 2 claims, Client-Cert: :MII|X-Serial: 0a1b2c|",
	}
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{}, "is asked for a certificate") {
		steps, err := clientcert.Compile(c.Policies["machines"].ClientCert, "machines", nil)
		if err != nil {
			t.Fatal(err)
		}
		x := &http7.Exchange{Conn: clientcert.Certified(t, nil)}
		got := fmt.Sprintf("%s, %d claims, ", clientcert.Who(x, steps), len(x.Claims))
		for name, value := range x.Request.All() {
			value = value[:min(len(value), 6)]
			if strings.HasPrefix(string(value), ":MI") {
				value = []byte(":MII")
			}
			got += string(name) + ": " + string(value) + "|"
		}
		if got != wants[i] {
			t.Errorf("example %d: %s, want %s", i+1, got, wants[i])
		}
	}
}
