package obs

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openAudit opens an audit log to w (path "-") or to a file.
func openAudit(t testing.TB, path string, w io.Writer) (*AuditLog, *Catalogue) {
	t.Helper()
	c := NewCatalogue(Build{})
	l, err := NewAuditLog(AuditLogConfig{Path: path, Format: "json"}, AccessLogNeeds{Stdout: w, Catalogue: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

func refusal() *Refusal {
	return &Refusal{
		Arrival: time.UnixMicro(1_700_000_000_000_001), Client: netip.MustParseAddr("192.0.2.7"), Listener: "web", Route: "orders",
		Policy: "edge.jwt", Mode: "enforce", Fault: "jwt_expired", Status: 401, Consumer: "ann", Scheme: "jwt",
		Method: []byte("GET"), Host: []byte("api.example.com"), Path: []byte("/v1/\"x\""), RequestID: []byte("id-1"), Reason: "the token ended at 12:00",
	}
}

const refusalLine = `{"ts":1700000000000001,"client":"192.0.2.7","listener":"web","route":"orders","policy":"edge.jwt","mode":"enforce",` +
	`"fault":"jwt_expired","status":401,"consumer":"ann","scheme":"jwt","method":"GET","host":"api.example.com","path":"/v1/\"x\"",` +
	`"request_id":"id-1","reason":"the token ended at 12:00"}` + "\n"

func TestARefusalIsOneLineOfJSON(t *testing.T) {
	got := string(appendRefusal(nil, refusal()))
	if got != refusalLine {
		t.Errorf("got  %swant %s", got, refusalLine)
	}
	if !json.Valid([]byte(got)) {
		t.Error("it is not JSON")
	}
	empty := string(appendRefusal(nil, &Refusal{}))
	if !json.Valid([]byte(empty)) || !strings.Contains(empty, `"client":""`) || !strings.Contains(empty, `"reason":""}`) {
		t.Errorf("nothing is written as %s", empty)
	}
}

func TestALongReasonIsCut(t *testing.T) {
	for n, want := range map[int]int{10: 20, 512: 1024, 513: 1024 + len("…"), 1 << 20: 1024 + len("…")} {
		r := refusal()
		r.Reason = strings.Repeat("ü", n)
		line := string(appendRefusal(nil, r))
		if got := len(line) - len(refusalLine) + len("the token ended at 12:00"); got != want || !json.Valid([]byte(line)) {
			t.Errorf("%d characters: %d bytes of reason, want %d", n, got, want)
		}
	}
}

func TestRefusalsAreWrittenCountedAndMoved(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "1"), filepath.Join(t.TempDir(), "2")
	l, c := openAudit(t, first, nil)
	l.Write(refusal())
	run := func() { // until all that is gathered is written
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		l.Run(ctx)
	}
	change, err := l.Prepare(AuditLogConfig{Path: second})
	if err != nil {
		t.Fatal(err)
	}
	change.Undo()
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	run()
	if b, err := os.ReadFile(first); err != nil || string(b) != refusalLine {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := os.ReadFile(second); err != nil || len(b) > 0 {
		t.Errorf("a change that was undone wrote %q, %v", b, err)
	}
	l.Write(refusal()) // behind the end
	wantLine(t, c, "weir_audit_log_lines_total 1")
	wantLine(t, c, "weir_audit_log_dropped_total 1")
	wantLine(t, c, "weir_access_log_lines_total 0")
}

func TestAnAuditLogThatCannotBeOpenedSaysSo(t *testing.T) {
	_, err := NewAuditLog(AuditLogConfig{Path: filepath.Join(t.TempDir(), "none", "audit.log")}, AccessLogNeeds{Catalogue: NewCatalogue(Build{})})
	if err == nil || !strings.HasPrefix(err.Error(), "audit log: ") {
		t.Errorf("got %v", err)
	}
}

func TestAnAuditLogThatIsOffTakesEverything(t *testing.T) {
	var l *AuditLog
	l.Write(refusal())
	l.Close()
}

func TestARefusalAllocatesNothing(t *testing.T) {
	l, _ := openAudit(t, "-", io.Discard)
	r := refusal()
	l.Write(r)
	for range 64 { // the first blocks of all shards
		l.Write(r)
	}
	if n := testing.AllocsPerRun(200, func() { l.Write(r) }); n > 0.1 {
		t.Errorf("a line allocates %v times", n)
	}
}

func BenchmarkRefusal(b *testing.B) {
	l, _ := openAudit(b, "-", io.Discard)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { // the log's writer; ends with ctx
		l.Run(ctx)
		close(done)
	}()
	r := refusal()
	for b.Loop() {
		l.Write(r)
	}
	cancel()
	<-done
}

func FuzzARefusalStaysOnItsLine(f *testing.F) {
	f.Add("edge.jwt", "GET", "/a\r\nb", "the \x00 token \xff")
	f.Add("", "", "\u2028", `"}`)
	f.Fuzz(func(t *testing.T, policy, method, path, reason string) {
		line := appendRefusal(nil, &Refusal{Policy: policy, Method: []byte(method), Path: []byte(path), Reason: reason})
		if !json.Valid(line) || strings.Count(string(line), "\n") != 1 {
			t.Errorf("%q", line)
		}
	})
}
