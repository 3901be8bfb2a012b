package http7

import (
	"testing"
)

func TestAFaultSpeaksGRPCToWhoDoes(t *testing.T) {
	odd := &Fault{Name: "odd", Status: 503, GRPC: 14, ProxyStatus: "destination_unavailable", Title: "Odd", Detail: "100 % späte", Extra: "Retry-After: 1\r\n"}
	cases := []struct {
		kind    string // Content-Type of the request
		status  int
		shown   string // Content-Type of the answer
		code    string
		message string
	}{
		{"application/grpc", 200, "application/grpc", "14", "100 %25 sp%C3%A4te"},
		{"application/grpc+proto", 200, "application/grpc+proto", "14", "100 %25 sp%C3%A4te"},
		{"Application/GRPC ; x=y", 200, "Application/GRPC", "14", "100 %25 sp%C3%A4te"},
		{"application/grpc-web+proto", 200, "application/grpc-web+proto", "14", "100 %25 sp%C3%A4te"},
		{"application/grpc-web-text", 200, "application/grpc-web-text", "14", "100 %25 sp%C3%A4te"},
		{"application/grpcish", 503, "application/problem+json", "", ""},
		{"application/json", 503, "application/problem+json", "", ""},
		{"", 503, "application/problem+json", "", ""},
	}
	for _, c := range cases {
		var x Exchange
		x.Method = []byte("POST")
		if c.kind != "" {
			x.Request.Add(Known(ContentType), []byte(c.kind))
		}
		FaultAnswer(&x, odd)
		a := x.Answer
		code, _ := a.Header.First(grpcStatus)
		message, _ := a.Header.First(grpcMessage)
		if a.Status != c.status || string(a.Header.Get(ContentType)) != c.shown || string(code) != c.code || string(message) != c.message {
			t.Errorf("%q is answered %d %q, grpc-status %q, grpc-message %q", c.kind, a.Status, a.Header.Get(ContentType), code, message)
		}
		body, _, _ := a.Source.Next()
		if (len(body) == 0) != (c.code != "") || int64(len(body)) != a.Length {
			t.Errorf("%q: a body of %d bytes, declared %d", c.kind, len(body), a.Length)
		}
		if string(a.Header.Get(RetryAfter)) != "1" || a.Header.Get(ProxyStatus) == nil {
			t.Errorf("%q: Retry-After %q, Proxy-Status %q", c.kind, a.Header.Get(RetryAfter), a.Header.Get(ProxyStatus))
		}
	}
}

func TestAGRPCFaultAllocatesNothing(t *testing.T) {
	var x Exchange
	x.Method = []byte("POST")
	if n := testing.AllocsPerRun(100, func() {
		x.Request.Add(Known(ContentType), []byte("application/grpc"))
		FaultAnswer(&x, NoEndpoints)
		x.Release()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTheFaultOfACallUnderWayIsItsStatus(t *testing.T) {
	for _, c := range []struct {
		kind   string
		status int
		want   string
	}{
		{"application/grpc", 200, "4 The answer did not come in time."},
		{"application/grpc+proto; x=y", 200, "4 The answer did not come in time."},
		{"application/grpc-web", 200, ""}, // its trailers are in the body
		{"application/grpc", 503, ""},     // no call has begun
		{"application/json", 200, ""},
		{"", 200, ""},
	} {
		x := new(Exchange)
		if c.kind != "" {
			x.Request.AddRaw([]byte("content-type"), []byte(c.kind))
		}
		a := x.LocalAnswer(c.status)
		a.Trailer.AddRaw([]byte("grpc-status"), []byte("0"))
		got := ""
		if FaultTrailer(x, RouteTimeout) {
			status, _ := a.Trailer.First(grpcStatus)
			message, _ := a.Trailer.First(grpcMessage)
			got = string(status) + " " + string(message)
		}
		if got != c.want {
			t.Errorf("%q, %d: %q, want %q", c.kind, c.status, got, c.want)
		}
	}
}
