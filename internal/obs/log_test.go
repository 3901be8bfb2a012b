package obs

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
)

func TestTheLogWritesItsFormatFromItsLevelOn(t *testing.T) {
	for _, tc := range []struct {
		cfg           LogConfig
		debug, info   bool
		warn, isError bool
		json          bool
	}{
		{LogConfig{"debug", "json"}, true, true, true, true, true},
		{LogConfig{"info", "text"}, false, true, true, true, false},
		{LogConfig{"warn", "json"}, false, false, true, true, true},
		{LogConfig{"error", "text"}, false, false, false, true, false},
		{LogConfig{"", ""}, false, true, true, true, true},
		{DefaultLog(), false, true, true, true, true},
	} {
		var b bytes.Buffer
		l := NewLog(&b, tc.cfg)
		l.Debug("DEBUG!")
		l.Info("INFO!")
		l.Warn("WARN!")
		l.Error("ERROR!", "why", "x")
		for text, want := range map[string]bool{"DEBUG!": tc.debug, "INFO!": tc.info, "WARN!": tc.warn, "ERROR!": tc.isError} {
			if got := strings.Contains(b.String(), text); got != want {
				t.Errorf("%+v: %s written: %v, want %v", tc.cfg, text, got, want)
			}
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if got := json.Valid([]byte(lines[len(lines)-1])); got != tc.json {
			t.Errorf("%+v: JSON %v, want %v: %s", tc.cfg, got, tc.json, b.String())
		}
	}
}

func TestAReloadChangesTheLevelOfDerivedLoggers(t *testing.T) {
	var b bytes.Buffer
	l := NewLog(&b, DefaultLog())
	derived := l.With(slog.String("room", "http7"))
	derived.Debug("before")
	l.Apply(LogConfig{Level: "debug", Format: "json"})
	derived.Debug("after")
	if got := b.String(); strings.Contains(got, "before") || !strings.Contains(got, "after") {
		t.Errorf("written: %s", got)
	}
}
