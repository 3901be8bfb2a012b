package rule

import (
	"testing"
	"time"

	"weir/http7"
)

func TestAStatusIsWrittenAsRFC9211Says(t *testing.T) {
	for _, c := range []struct {
		section string
		s       Status
		want    string
	}{
		{"2.1", Status{}, "weir; hit"},
		{"2.4", Status{HasTTL: true, TTL: 30 * time.Second}, "weir; hit; ttl=30"},
		{"2.4: rounded down", Status{HasTTL: true, TTL: 30*time.Second - 1}, "weir; hit; ttl=29"},
		{"2.4: just stale", Status{HasTTL: true, TTL: -1}, "weir; hit; ttl=-1"},
		{"2.4: stale", Status{HasTTL: true, TTL: -12 * time.Second, Detail: "stale-if-error"}, "weir; hit; ttl=-12; detail=stale-if-error"},
		{"2.2: bypass", Status{Forward: FwdBypass, Detail: "method"}, "weir; fwd=bypass; detail=method"},
		{"2.2: method", Status{Forward: FwdMethod}, "weir; fwd=method"},
		{"2.2: uri-miss", Status{Forward: FwdURIMiss, Stored: true}, "weir; fwd=uri-miss; stored"},
		{"2.2: vary-miss", Status{Forward: FwdVaryMiss}, "weir; fwd=vary-miss"},
		{"2.2: miss", Status{Forward: FwdMiss}, "weir; fwd=miss"},
		{"2.2: request", Status{Forward: FwdRequest, Code: 200}, "weir; fwd=request; fwd-status=200"},
		{"2.2: partial", Status{Forward: FwdPartial}, "weir; fwd=partial"},
		{"2.3", Status{Forward: FwdStale, Code: 304, Stored: true}, "weir; fwd=stale; fwd-status=304; stored"},
		{"2: neither", Status{Forward: Withheld, Detail: "only-if-cached"}, "weir; detail=only-if-cached"},
		{"2.6", Status{Forward: FwdURIMiss, Collapsed: true}, "weir; fwd=uri-miss; collapsed"},
		{"2.8: a token", Status{Detail: "no*token:"}, `weir; hit; detail="no*token:"`},
		{"2.8: text", Status{Detail: `a "b" \c`}, `weir; hit; detail="a \"b\" \\c"`},
		{"2.8: bytes that may not stand there", Status{Detail: "a\r\nB: \xfc"}, `weir; hit; detail="a??B: ?"`},
		{"2.8: no letter first", Status{Detail: "1st"}, `weir; hit; detail="1st"`},
	} {
		if got := string(c.s.Append(nil, "weir")); got != c.want {
			t.Errorf("RFC 9211 %s: %s, want %s", c.section, got, c.want)
		}
	}
}

func TestReasonsHaveNames(t *testing.T) {
	for f, want := range map[Forward]string{NotForwarded: "", FwdBypass: "bypass", FwdStale: "stale", FwdPartial: "partial", Withheld: ""} {
		if f.String() != want {
			t.Errorf("%d is %q, want %q", f, f.String(), want)
		}
	}
}

func TestTheAgeIsInSeconds(t *testing.T) {
	for _, c := range []struct {
		section, answer string
		after           time.Duration
		want            string
	}{
		{"5.1: none yet", "X-A: 1", 0, "0"},
		{"5.1: rounded down", "X-A: 1", 1999 * time.Millisecond, "1"},
		{"5.1: with what came", "Age: 30", 2 * time.Second, "32"},
		{"5.1: in place of another", "Age: 30", 0, "30"},
		{"1.2.2: at most 2^31", "Age: 2147483648", time.Hour, "2147483648"},
		{"the clock went back", "X-A: 1", -time.Hour, "0"},
	} {
		_, f := stored(t, c.answer+" | Cache-Control: max-age=60")
		h := fields(c.answer)
		SetAge(h, &f, now+int64(c.after))
		if got := string(h.Get(http7.Age)); got != c.want {
			t.Errorf("RFC 9111 %s: %q after %v is %s old, want %s", c.section, c.answer, c.after, got, c.want)
		}
	}
}
