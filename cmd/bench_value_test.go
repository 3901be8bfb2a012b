package cmd

import "testing"

func TestRatesAreRequestsASecond(t *testing.T) {
	for text, want := range map[string]float64{
		"2000": 2000, "0.5": 0.5, "2000/s": 2000, "30/m": 0.5, "1e3": 1000, ".25": 0.25,
		"0": 0, "-1": 0, "": 0, "/s": 0, "5/": 0, "5/h": 0, "NaN": 0, "Inf": 0, "many": 0, "5 /s": 0,
	} {
		var r rateValue
		err := r.Set(text)
		if float64(r) != want || (err == nil) != (want > 0) {
			t.Errorf("%q: got %v, %v; want %v", text, float64(r), err, want)
		}
	}
}

func TestARateIsWrittenAsItIsRead(t *testing.T) {
	for _, text := range []string{"2000", "0.5", "1000000", "0.001"} {
		var r rateValue
		if err := r.Set(text); err != nil || r.String() != text {
			t.Errorf("%s: got %s, %v", text, r.String(), err)
		}
	}
}

func TestATolerancesPercentMayHaveItsSign(t *testing.T) {
	const refused = -1
	for text, want := range map[string]float64{
		"5": 5, "5%": 5, "2.5": 2.5, "0": 0, "99.9%": 99.9,
		"100": refused, "-1": refused, "NaN": refused, "": refused, "%": refused, "5%%": refused, "five": refused,
	} {
		p := percentValue(refused)
		err := p.Set(text)
		if float64(p) != want || (err == nil) != (want != refused) {
			t.Errorf("%q: got %v, %v; want %v", text, float64(p), err, want)
		}
	}
}
