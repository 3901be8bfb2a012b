package serve

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

func TestGRPCTimeoutsAreReadAndWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"1H": time.Hour, "2M": 2 * time.Minute, "3S": 3 * time.Second, "100m": 100 * time.Millisecond,
		"5u": 5 * time.Microsecond, "7n": 7, "00000001S": time.Second, "99999999n": 99999999, "99999999H": maxGRPCTimeout, "0S": 0,
	} {
		if d, ok := parseGRPCTimeout([]byte(text)); !ok || d != want {
			t.Errorf("%q is %v, %v; want %v", text, d, ok, want)
		}
	}
	for _, text := range []string{"", "1", "S", "1s", "1 S", "-1S", "+1S", "1.5S", "123456789S", "1SS", "0x1S"} {
		if d, ok := parseGRPCTimeout([]byte(text)); ok {
			t.Errorf("%q is %v", text, d)
		}
	}
	for d, want := range map[time.Duration]string{
		1: "1n", 99_999_999: "99999999n", 100_000_000: "100000u", time.Second: "1000000u", 99 * time.Second: "99000000u",
		100 * time.Second: "100000m", 27 * time.Hour: "97200000m", 28 * time.Hour: "100800S", maxGRPCTimeout: "5256000M",
	} {
		if got := string(appendGRPCTimeout(nil, d)); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// FuzzGRPCTimeout: what is read is never negative, and what is written is read as no more than it was.
func FuzzGRPCTimeout(f *testing.F) {
	for _, s := range []string{"1H", "99999999H", "100m", "7n", "", "S", "123456789S"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, ok := parseGRPCTimeout([]byte(text))
		if !ok {
			return
		}
		again, ok := parseGRPCTimeout(appendGRPCTimeout(nil, d))
		if d < 0 || !ok || again > d || d-again > d/1000 {
			t.Fatalf("%q is %v, written as %s, read as %v", text, d, appendGRPCTimeout(nil, d), again)
		}
	})
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, "120": 2 * time.Minute, "999999999999": time.Hour, "9999999999999999999": 0, "": 0,
		"-1": 0, "1.5": 0, "1 ": 0, "soon": 0,
		"Sun, 01 Mar 2026 12:00:05 GMT": 5 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Mon, 01 Mar 2027 12:00:00 GMT": time.Hour, "Sun, 01 Mar 2026 12:00:05": 0,
	} {
		var h http7.Header
		h.AddRaw([]byte("retry-after"), []byte(text))
		if got := retryAfter(&h, now); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

// FuzzRetryAfter: whatever an endpoint says, it is a time that is not negative and not endless.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "Sun, 01 Mar 2026 12:00:05 GMT", "-1", "", "Sun, 99 Mar 9999 99:99:99 GMT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var h http7.Header
		h.AddRaw([]byte("Retry-After"), []byte(text))
		if d := retryAfter(&h, time.Now()); d < 0 || d > time.Hour {
			t.Fatalf("%q is %v", text, d)
		}
	})
}

// field returns the value of a field of a raw head; "" if it is not there once.
func field(raw, name string) string {
	value := ""
	for line := range strings.SplitSeq(raw, "\r\n") {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			if value != "" {
				return ""
			}
			value = strings.TrimSpace(v)
		}
	}
	return value
}

func TestTheTimeThatIsLeftTravelsUpstream(t *testing.T) {
	t.Parallel()
	const grpc = "Content-Type: application/grpc+proto\r\n"
	for _, c := range []struct {
		name, fields string
		timeout      time.Duration
		header       string
		most         time.Duration // 0: the field is not sent
	}{
		{"no timeout", "", 0, "X-Timeout-Ms", 0},
		{"no timeout, and the client's own", "X-Timeout-Ms: 5\r\n", 0, "X-Timeout-Ms", 0},
		{"a timeout", "", 5 * time.Minute, "X-Timeout-Ms", 5 * time.Minute},
		{"a timeout, and the client's own", "x-timeout-ms: 5\r\n", 5 * time.Minute, "X-Timeout-Ms", 5 * time.Minute},
		{"grpc-timeout without gRPC", "grpc-timeout: 1S\r\n", 5 * time.Minute, "X-Timeout-Ms", 5 * time.Minute},
		{"gRPC", grpc, 5 * time.Minute, "grpc-timeout", 5 * time.Minute},
		{"gRPC with less", grpc + "grpc-timeout: 2M\r\n", 5 * time.Minute, "grpc-timeout", 2 * time.Minute},
		{"gRPC with more", grpc + "grpc-timeout: 1H\r\n", 5 * time.Minute, "grpc-timeout", 5 * time.Minute},
		{"gRPC without a timeout of the route", grpc + "grpc-timeout: 2M\r\n", 0, "grpc-timeout", 2 * time.Minute},
		{"gRPC with what is no time", grpc + "grpc-timeout: soon\r\n", 5 * time.Minute, "grpc-timeout", 5 * time.Minute},
		{"gRPC has no X-Timeout-Ms", grpc + "X-Timeout-Ms: 1\r\n", 5 * time.Minute, "X-Timeout-Ms", 0},
	} {
		o := answering(t, hello)
		r := newRigWith(t, func(r *rig) { r.route.Timeout = c.timeout }, o.addr)
		r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + c.fields + "\r\n")
		whole, _ := o.seen()
		got := field(whole[0], c.header)
		left := time.Duration(0)
		if c.header == "grpc-timeout" {
			left, _ = parseGRPCTimeout([]byte(got))
		} else if n, err := strconv.Atoi(got); err == nil {
			left = time.Duration(n) * time.Millisecond
		}
		if c.most == 0 && got != "" || c.most > 0 && (left > c.most || left < c.most-ample) {
			t.Errorf("%s: %s is %q, want a little less than %v", c.name, c.header, got, c.most)
		}
	}
}

func TestARetryIsToldWhatIsLeftThen(t *testing.T) {
	t.Parallel()
	o := newInTurn(later(200*time.Millisecond, busy), says(hello))
	r := newRigWith(t, func(r *rig) { r.route.Timeout = time.Minute }, origin(t, o.serve))
	r.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	seen := o.seen()
	first, _ := strconv.Atoi(field(seen[0], "X-Timeout-Ms"))
	again, _ := strconv.Atoi(field(seen[1], "X-Timeout-Ms"))
	if again == 0 || again > first-150 {
		t.Errorf("%d ms are left at first, %d behind 200 ms", first, again)
	}
}

func TestADetachedRequestSaysHowLongItMayTake(t *testing.T) {
	t.Parallel()
	o := answering(t, hello)
	r := newRig(t, o.addr)
	d := detached("GET")
	d.Deadline = time.Now().Add(time.Minute)
	a, f := r.sender().Send(d)
	if f != nil {
		t.Fatal(f)
	}
	readAll(t, a)
	whole, _ := o.seen()
	if n, err := strconv.Atoi(field(whole[0], "X-Timeout-Ms")); err != nil || n > 60_000 || n < 40_000 {
		t.Errorf("%q says %d", whole[0], n)
	}
}
