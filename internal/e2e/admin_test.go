//go:build linux

package e2e

import (
	"strings"
	"testing"
)

func TestAdminGuards(t *testing.T) {
	t.Parallel()
	c := start(t, web, "origin", newOrigin(t, "one").addr)
	const json = "Content-Type: application/json\r\n"
	host := "Host: " + c.at(9901) + "\r\n"
	for _, test := range []struct {
		name, head string
		status     int
	}{
		{"metrics by address", "GET /metrics HTTP/1.1\r\n" + host, 200},
		{"metrics by localhost", "GET /metrics HTTP/1.1\r\nHost: localhost:9901\r\n", 200},
		{"metrics by another name, as DNS rebinding would", "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n", 403},
		{"status by another name", "GET /status HTTP/1.1\r\nHost: evil.example\r\n", 403},
		{"reload as a form", "POST /reload HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n" + host, 415},
		{"reload without a type", "POST /reload HTTP/1.1\r\n" + host, 415},
		{"reload from a page", "POST /reload HTTP/1.1\r\nOrigin: http://evil.example\r\n" + json + host, 403},
		{"reload by GET", "GET /reload HTTP/1.1\r\n" + host, 405},
		{"reload by another name", "POST /reload HTTP/1.1\r\nHost: evil.example\r\n" + json, 403},
		{"reload as it should be", "POST /reload HTTP/1.1\r\n" + json + host, 200},
		{"no such call", "GET /nothing HTTP/1.1\r\n" + host, 404},
		{"health", "GET /healthz HTTP/1.1\r\n" + host, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := dial(t, c.at(9901))
			w.send(test.head + "Content-Length: 0\r\n\r\n")
			if resp, body := w.answer(); resp.StatusCode != test.status {
				t.Errorf("%s, want %d: %s", resp.Status, test.status, body)
			}
		})
	}
	if n := c.metrics().value("weir_config_generation"); n != 2 {
		t.Errorf("generation %v, want 2: one reload was right", n)
	}
}

func TestAdminToken(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef0123456789abcdef"
	c := start(t, "[admin]\naddress = \"{ip}:9901\"\ntoken = \""+token+"\"\n"+web, "origin", newOrigin(t, "one").addr)
	for _, test := range []struct {
		path, field string
		status      int
	}{
		{"/readyz", "", 200},
		{"/healthz", "", 200},
		{"/metrics", "", 401},
		{"/metrics", "Authorization: Bearer " + strings.ToUpper(token) + "\r\n", 401},
		{"/metrics", "Authorization: Bearer " + token + "\r\n", 200},
		{"/config", "Authorization: Bearer " + token + "\r\n", 200},
	} {
		w := dial(t, c.at(9901))
		w.send("GET " + test.path + " HTTP/1.1\r\nHost: localhost\r\n" + test.field + "\r\n")
		resp, body := w.answer()
		if resp.StatusCode != test.status {
			t.Errorf("%s with %q: %s, want %d", test.path, test.field, resp.Status, test.status)
		}
		if strings.Contains(body, token) {
			t.Errorf("%s tells the token", test.path)
		}
	}
	if code, out, errs := command(t, "status", "-c", c.file); code != 0 || !strings.Contains(out, c.at(8080)) {
		t.Errorf("weir status: exit %d\n%s%s", code, out, errs)
	}
	if code, _, _ := command(t, "status", "--admin", c.at(9901), "-c", "/dev/null"); code == 0 {
		t.Error("weir status without the token is let in")
	}
}
