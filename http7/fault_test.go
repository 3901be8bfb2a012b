package http7

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// faults are all faults of this package; TestTheTableOfFaultsIsWhole sees to it.
var faults = map[string]*Fault{
	"BadRequestLine": BadRequestLine, "BadTarget": BadTarget, "BadHost": BadHost, "BadField": BadField, "BadLineEnding": BadLineEnding,
	"ObsFold": ObsFold, "BadFraming": BadFraming, "BadContentLength": BadContentLength, "BadChunk": BadChunk, "BadTrailer": BadTrailer,
	"BadConnection": BadConnection, "WithoutTLS": WithoutTLS, "BodyCut": BodyCut, "AmbiguousPath": AmbiguousPath, "AmbiguousHost": AmbiguousHost, "BadContent": BadContent, "CORSRefused": CORSRefused, "Uncompressed": Uncompressed, "UnknownCoding": UnknownCoding, "VersionUnsupported": VersionUnsupported,
	"UnknownExpectation": UnknownExpectation, "Misdirected": Misdirected, "NoRoute": NoRoute, "LoopDetected": LoopDetected,
	"MethodRefused": MethodRefused, "HeadTooLarge": HeadTooLarge, "TargetTooLong": TargetTooLong, "BodyTooLarge": BodyTooLarge,
	"RequestTimeout": RequestTimeout, "ClientLeft": ClientLeft, "ClientStalled": ClientStalled,
	"NoEndpoints": NoEndpoints, "Overloaded": Overloaded, "BreakerOpen": BreakerOpen, "ConnectRefused": ConnectRefused, "ConnectTimeout": ConnectTimeout, "ConnectFailed": ConnectFailed,
	"NameUnresolved": NameUnresolved, "UpstreamTLS": UpstreamTLS, "UpstreamStale": UpstreamStale, "UpstreamReset": UpstreamReset, "UpstreamRefused": UpstreamRefused, "UpstreamCalm": UpstreamCalm, "UpstreamCancelled": UpstreamCancelled,
	"UpstreamTimeout": UpstreamTimeout, "RouteTimeout": RouteTimeout, "UpstreamCut": UpstreamCut, "UpstreamStalled": UpstreamStalled,
	"BadStatusLine": BadStatusLine, "BadAnswerField": BadAnswerField, "BadAnswerFrame": BadAnswerFrame, "BadAnswerChunk": BadAnswerChunk,
	"UpgradeRefused": UpgradeRefused, "TunnelIdle": TunnelIdle, "BadUpgrade": BadUpgrade, "NoUpgrade": NoUpgrade,
	"UnaskedUpgrade": UnaskedUpgrade, "AnswerTooLarge": AnswerTooLarge,
	"Panicked": Panicked, "HandlerError": HandlerError, "Exhausted": Exhausted, "Stopping": Stopping,
}

func TestTheTableOfFaultsIsWhole(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			for _, n := range s.(*ast.ValueSpec).Names {
				if faults[n.Name] == nil {
					t.Errorf("%s is not in the test's table", n.Name)
				}
			}
		}
	}
}

// proxyErrors are the proxy error types that IANA registers (RFC 9209 §2.3).
var proxyErrors = strings.Fields(`dns_timeout dns_error destination_not_found destination_unavailable
	destination_ip_prohibited destination_ip_unroutable connection_refused connection_terminated connection_timeout
	connection_read_timeout connection_write_timeout connection_limit_reached tls_protocol_error tls_certificate_error
	tls_alert_received http_request_error http_request_denied http_response_incomplete
	http_response_header_section_size http_response_header_size http_response_body_size
	http_response_trailer_section_size http_response_trailer_size http_response_transfer_coding
	http_response_content_coding http_response_timeout http_upgrade_failed http_protocol_error
	proxy_internal_response proxy_internal_error proxy_configuration_error proxy_loop_detected`)

func TestEveryFaultIsComplete(t *testing.T) {
	names := map[string]string{}
	for v, f := range faults {
		if f.Name == "" || strings.ToLower(f.Name) != f.Name || !IsToken([]byte(f.Name)) {
			t.Errorf("%s: %q is not a name for logs and metrics", v, f.Name)
		}
		if other := names[f.Name]; other != "" {
			t.Errorf("%s and %s are both called %s", v, other, f.Name)
		}
		names[f.Name] = v
		if text := http.StatusText(f.Status); f.Status != 499 && (f.Status < 400 || text == "") {
			t.Errorf("%s: no error is called %d", v, f.Status)
		}
		if f.Title == "" || f.Detail == "" && f.Status != 499 {
			t.Errorf("%s: title %q, detail %q", v, f.Title, f.Detail)
		}
		if f.GRPC < 1 || f.GRPC > 16 {
			t.Errorf("%s: %d is not the code of a gRPC error", v, f.GRPC)
		}
		if f.ProxyStatus != "" && !slices.Contains(proxyErrors, f.ProxyStatus) {
			t.Errorf("%s: %q is not a registered proxy error", v, f.ProxyStatus)
		}
		if (f.Status >= 500) != (f.Side != Client) && f != UnknownCoding && f != VersionUnsupported && f != LoopDetected && f != UpgradeRefused {
			t.Errorf("%s: side %d with status %d", v, f.Side, f.Status)
		}
		if f.Retry && (f.Side != Upstream || f.Kind != Connect) && f != UpstreamRefused { // which the endpoint vouches for
			t.Errorf("%s: a retry whatever the method is safe only before a connection", v)
		}
		if f.Kind == Malformed && !f.Close {
			t.Errorf("%s: the connection stays open behind bytes that can't be trusted", v)
		}
		if f.Extra != "" && !strings.HasSuffix(f.Extra, "\r\n") {
			t.Errorf("%s: the extra line %q has no end", v, f.Extra)
		}
	}
}

func TestTheAnswerToAFault(t *testing.T) {
	for _, c := range []struct {
		what, method, id string
		f                *Fault
		head, body       string
	}{
		{"an endpoint that refuses", "GET", "", ConnectRefused,
			"Content-Type: application/problem+json\r\nProxy-Status: weir; error=connection_refused\r\n",
			`{"title":"Bad Gateway","status":502,"detail":"The endpoint refused the connection.","fault":"connect_refused"}` + "\n"},
		{"extra fields and a request id", "TRACE", "a\"\n\xffz", MethodRefused,
			"Content-Type: application/problem+json\r\nProxy-Status: weir; error=http_request_denied\r\n" + MethodRefused.Extra,
			`{"title":"Method Not Allowed","status":405,"detail":"This method is not served.","fault":"method_refused","request_id":"a\"\u000a\u00ffz"}` + "\n"},
		{"HEAD", "HEAD", "", NoRoute,
			"Content-Type: application/problem+json\r\nProxy-Status: weir; error=http_request_denied\r\n", ""},
		{"no proxy error, no detail", "GET", "", ClientLeft,
			"Content-Type: application/problem+json\r\n", `{"title":"Client Closed Request","status":499,"fault":"client_left"}` + "\n"},
	} {
		x := &Exchange{Method: []byte(c.method), RequestID: []byte(c.id)}
		FaultAnswer(x, NoEndpoints) // replaced without a trace
		FaultAnswer(x, c.f)
		a := x.Answer
		length := int64(len(ProblemBody(nil, c.f, []byte(c.id))))
		body, end, _ := drain(a.Source)
		if a.Status != c.f.Status || lines(&a.Header) != c.head || body != c.body || a.Length != length || end != End || x.Fault != c.f || !a.Local {
			t.Errorf("%s: got %d %q %q, length %d", c.what, a.Status, lines(&a.Header), body, a.Length)
		}
	}
}

func FuzzProblemBodyIsJSON(f *testing.F) {
	f.Add([]byte("id"), "detail")
	f.Add([]byte("\x00\"\\\x7f\xc3\xa4"), "\u2028</script>")
	f.Fuzz(func(t *testing.T, id []byte, detail string) {
		b := ProblemBody(nil, &Fault{Title: "T", Status: 400, Detail: detail, Name: "n"}, id)
		var got struct {
			Status int
			Fault  string
		}
		if err := json.Unmarshal(b, &got); err != nil || got.Status != 400 || got.Fault != "n" {
			t.Fatalf("%s: %v", b, err)
		}
	})
}

// TestTheListOfFaultsInTheDocsIsThisOne keeps docs/faults.md equal to the code:
// WEIR_UPDATE=1 go test ./http7 -run Docs rewrites it.
func TestTheListOfFaultsInTheDocsIsThisOne(t *testing.T) {
	const file = "../docs/faults.md"
	want := faultsPage()
	if os.Getenv("WEIR_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Fatalf("%s is not that of the code (%v): write it with WEIR_UPDATE=1 go test ./http7 -run Docs", file, err)
	}
}

func faultsPage() string {
	var b strings.Builder
	b.WriteString(`# Faults

Why Weir answered instead of the endpoint, or cut a message. The name is what the access log, metrics and the problem body
(RFC 9457) say; the proxy error is that of the Proxy-Status field (RFC 9209). Policies that say who and what may pass have
[names of their own](guide/guard.md#who-was-refused). Written from the code by a test of http7.

| name | side | status | gRPC | proxy error | closes the connection | detail |
|---|---|---|---|---|---|---|
`)
	sides := [...]string{Client: "client", Upstream: "upstream", Internal: "weir"}
	list := make([]*Fault, 0, len(faults))
	for _, f := range faults {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *Fault) int {
		if a.Side != b.Side {
			return int(a.Side) - int(b.Side)
		}
		return strings.Compare(a.Name, b.Name)
	})
	for _, f := range list {
		closes := map[bool]string{true: "yes", false: "no"}[f.Close]
		fmt.Fprintf(&b, "| `%s` | %s | %d | %d | %s | %s | %s |\n", f.Name, sides[f.Side], f.Status, f.GRPC, f.ProxyStatus, closes, f.Detail)
	}
	return b.String()
}
