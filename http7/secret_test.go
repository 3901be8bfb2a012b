package http7

import "testing"

func TestNamesThatHoldSecrets(t *testing.T) {
	for name, want := range map[string]bool{
		"authorization": true, "proxy-authorization": true, "x-api-key": true, "x-auth-user": true, "x-csrf-token": true,
		"client-secret": true, "x-session-id": true, "cookie": true, "x-tenant": false, "accept": false, "origin": false, "www-authenticate": false,
	} {
		if got := SecretName(name); got != want {
			t.Errorf("SecretName(%q) is %v", name, got)
		}
	}
}
