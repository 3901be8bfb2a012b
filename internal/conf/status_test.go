package conf

import "testing"

func TestStatusSetsAreReadAndWrittenBack(t *testing.T) {
	readings(t, func() Value { return new(StatusSet) }, []reading{
		{text: "2xx", again: "2xx"},
		{text: "200-299", again: "2xx"},
		{text: "502,503", again: "502-503"},
		{text: "503, 502", again: "502-503"},
		{text: "200,204,404", again: "200,204,404"},
		{text: "250-350", again: "250-299,300-350"},
		{text: "1xx,2xx,3xx,4xx,5xx", again: "1xx,2xx,3xx,4xx,5xx"},
		{text: "100-599", again: "1xx,2xx,3xx,4xx,5xx"},
		{text: "204", again: "204"},
		{text: "", wrong: "is not a set of statuses"},
		{text: "6xx", wrong: "is not a set of statuses"},
		{text: "0xx", wrong: "is not a set of statuses"},
		{text: "5XX", wrong: "is not a set of statuses"},
		{text: "99", wrong: "is not a set of statuses"},
		{text: "600", wrong: "is not a set of statuses"},
		{text: "0200", wrong: "is not a set of statuses"},
		{text: "299-200", wrong: "is not a set of statuses"},
		{text: "200,", wrong: "is not a set of statuses"},
		{text: "200-", wrong: "is not a set of statuses"},
		{text: "ok", wrong: "is not a set of statuses"},
	})
}

func TestAStatusSetHasItsCodesAndNoOther(t *testing.T) {
	s, ok := Statuses("2xx,404,598-599")
	if !ok {
		t.Fatal("the set is refused")
	}
	for code := -10; code < 1000; code++ {
		want := code >= 200 && code <= 299 || code == 404 || code == 598 || code == 599
		if s.Has(code) != want {
			t.Errorf("%d is in the set: %v, want %v", code, s.Has(code), want)
		}
	}
	if _, ok := Statuses("many"); ok {
		t.Error(`"many" is a set`)
	}
	if s.IsZero() || !(StatusSet{}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestAskingAStatusSetDoesNotAllocate(t *testing.T) {
	s, _ := Statuses("5xx")
	found := false
	if n := testing.AllocsPerRun(1000, func() { found = s.Has(503) }); n != 0 || !found {
		t.Fatalf("Has allocates %v times (found %v)", n, found)
	}
}

func BenchmarkStatusSetHas(b *testing.B) {
	s, _ := Statuses("5xx")
	b.ReportAllocs()
	for b.Loop() {
		s.Has(503)
	}
}
