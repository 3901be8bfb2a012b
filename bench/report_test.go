package bench

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestAReportIsReadAsItWasWritten(t *testing.T) {
	at := listen(t, answering(fine))
	r := mustRun(t, Config{Target: "http://" + at, Connections: 2, Rate: 500, Duration: 1100 * time.Millisecond, Program: "weir test", MaxLag: time.Hour})
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	first := text.String()
	back, err := ReadReport(&text)
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := back.Write(&again); err != nil || again.String() != first {
		t.Errorf("%v; written again it differs", err)
	}
	if back.Requests != 550 || back.Program != "weir test" || back.Histogram.Count() != 550 || back.Latency != r.Latency ||
		!reflect.DeepEqual(back.Settings, r.Settings) || len(back.Series) != len(r.Series) || !back.Started.Equal(r.Started) {
		t.Errorf("read back %+v", back)
	}
	sum := NewHistogram()
	for _, s := range back.Series {
		sum.Add(s.Histogram)
	}
	if sum.Count() != 550 || sum.Quantiles() != back.Latency {
		t.Errorf("the seconds' histograms hold %d and make %+v, want those of the whole: %+v", sum.Count(), sum.Quantiles(), back.Latency)
	}
}

func TestAnInvalidReportIsWrittenWithoutLatencies(t *testing.T) {
	h := NewHistogram()
	h.Record(time.Millisecond)
	r := &Report{
		Format: ReportFormat, Invalid: []string{"late"}, Requests: 1, Latency: h.Quantiles(), Histogram: h,
		Lag: h.Quantiles(), LagHistogram: h,
		Classes: []Class{{Name: "a", OK: 1, Latency: h.Quantiles(), Histogram: h}},
		Series:  []Second{{OK: 1, Latency: h.Quantiles(), Histogram: h}},
	}
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	back, err := ReadReport(&text)
	if err != nil {
		t.Fatal(err)
	}
	if back.Histogram.Count()+back.Classes[0].Histogram.Count()+back.Series[0].Histogram.Count() != 0 ||
		back.Latency != (Quantiles{}) || back.Classes[0].Latency != (Quantiles{}) || back.Series[0].Latency != (Quantiles{}) {
		t.Errorf("latencies of an invalid run were written: %+v", back)
	}
	if back.Requests != 1 || back.Classes[0].OK != 1 || back.Series[0].OK != 1 || back.LagHistogram.Count() != 1 || back.Valid() {
		t.Errorf("more than the latencies is missing: %+v", back)
	}
	if r.Histogram.Count() != 1 || r.Series[0].Histogram.Count() != 1 {
		t.Error("the report itself lost its latencies")
	}
}

func TestFilesThatAreNoReportAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "not a report",
		"{":                         "not a report",
		"{}":                        `format ""`,
		`{"format":"weir-bench/2"}`: "this program reads weir-bench/1",
		`{"format":"weir-bench/1","latency_hdr":"AAAA"}`:        "histogram",
		`{"format":"weir-bench/1","failures":{"boredom":1}}`:    "boredom",
		`{"format":"weir-bench/1","latency_hdr":"!not base64"}`: "histogram",
	} {
		if _, err := ReadReport(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want it to speak of %q", text, err, want)
		}
	}
}

func FuzzReadReport(f *testing.F) {
	h := NewHistogram()
	h.Record(time.Millisecond)
	var text bytes.Buffer
	if err := (&Report{Format: ReportFormat, Histogram: h, Series: []Second{{Histogram: h}}}).Write(&text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.String())
	f.Add(`{"format":"weir-bench/1","latency_hdr":""}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadReport(strings.NewReader(text))
		if err != nil {
			return
		}
		r.Histogram.Quantiles()
		if err := r.Write(&bytes.Buffer{}); err != nil {
			t.Errorf("%q was read and can't be written: %v", text, err)
		}
	})
}

func TestHistogramsTravelInTheFormatOfTheirLibrary(t *testing.T) {
	h := NewHistogram()
	for n := range 1000 {
		h.Record(time.Duration(n+1) * time.Millisecond)
	}
	text, err := h.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := hdrhistogram.Decode(text[1 : len(text)-1])
	if err != nil || theirs.TotalCount() != 1000 {
		t.Fatalf("%v", err)
	}
	if got, want := time.Duration(theirs.ValueAtQuantile(99)), 990*time.Millisecond; (got - want).Abs() > want/500 {
		t.Errorf("p99 is %v there, want %v", got, want)
	}
	var zero Histogram
	if zero.Count() != 0 || zero.Quantile(0.5) != 0 || zero.Quantiles() != (Quantiles{}) {
		t.Error("a zero histogram is not empty")
	}
	if text, err := zero.MarshalJSON(); err != nil || string(text) != `""` {
		t.Errorf("a zero histogram is %s, %v", text, err)
	}
}
