package slo

import (
	"strings"
	"testing"
)

func TestAnSLOIsReadAndWritten(t *testing.T) {
	for text, want := range map[string]string{
		"p99<20ms":                    "p99<20ms",
		" p99 < 20ms , errors<0.1% ":  "p99<20ms,errors<0.1%",
		"errors<=0.001":               "errors<=0.1%",
		"errors<=0":                   "errors<=0%",
		"p99.90<=1.5s,max<2s":         "p99.9<=1.5s,max<2s",
		"p50<300us,p99.99<1m,mean<1s": "p50<300µs,p99.99<1m0s,mean<1s",
		"rate>1000":                   "rate>1000/s",
		"rate>=0.5/s":                 "rate>=0.5/s",
		"errors<33.3333%":             "errors<33.3333%",
	} {
		s, err := Parse(text)
		if err != nil || s.String() != want {
			t.Errorf("Parse(%q) = %v, %v; want %s", text, s, err, want)
		}
	}
}

func TestAnSLOThatIsWrongSaysWhatIsAllowed(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "a term is empty; terms are p1 to",
		"p99<20ms,":          "a term is empty",
		"p99":                `"p99" lacks a comparison; terms are`,
		"p99=20ms":           "p99 is promised with < or <=, not =",
		"p99>20ms":           "p99 is promised with < or <=, not >",
		"p99==20ms":          "not ==",
		"rate<1000":          "rate is promised with > or >=, not <",
		"error<1%":           `"error" is no figure; did you mean "errors"? terms are`,
		"medain<1ms":         `did you mean "mean"?`,
		"latency<1ms":        `"latency" is no figure; terms are`,
		"P99<1ms":            `did you mean "p99"?`,
		"p100<1ms":           `there is no p100; did you mean "max"?`,
		"p0<1ms":             `"p0" is no figure`,
		"p<1ms":              `"p" is no figure`,
		"p9.9.9<1ms":         `"p9.9.9" is no figure`,
		"p99<20":             `p99: "20" is not a time; write a number and a unit, such as "20ms"`,
		"p99<-1ms":           "is not a time",
		"p99<":               `"" is not a time`,
		"p99<<1ms":           `"<1ms" is not a time`,
		"errors<5 percent":   `errors: "5 percent" is not a share; write "0.1%" or "0.001"`,
		"errors<101%":        "is not a share",
		"errors<2":           "is not a share",
		"errors<-1%":         "is not a share",
		"errors<NaN":         "is not a share",
		"errors<0":           `write "errors<=0"`,
		"rate>many":          `"many" is not a rate`,
		"rate>0":             "is not a rate",
		"rate>inf":           "is not a rate",
		"p99<1ms,p99.0<2ms":  "p99 occurs twice",
		"mean<1ms,mean<=2ms": "mean occurs twice",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): %v; want %q", text, err, want)
		}
	}
}

// FuzzParse: no text makes Parse panic, and what it accepts it writes in a form that it reads alike.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"p99<20ms,errors<0.1%", "rate>=1e3/s", "max<=1h", "mean<1ns", "p99.999<1us", "errors<=0", "p1e1<1s", ",", "<", "p99<0x1p3s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q reads as %q, which reads as %q, %v", text, s, again, err)
		}
	})
}
