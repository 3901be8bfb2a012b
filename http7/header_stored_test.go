package http7_test

import (
	"testing"

	"weir/http7"
)

func TestStoredLinesFillAHeaderAsTheyWere(t *testing.T) {
	lines := []struct{ name, value string }{{"Content-Type", "text/plain"}, {"X-Empty", ""}, {"etag", `"a"`}, {"X-B", "b; c"}}
	var index, text []byte
	for i, l := range lines {
		id := http7.LookupID([]byte(l.name))
		index = http7.AppendStoredLine(index, id, len(l.name), len(l.value), byte(1<<i))
		text = append(text, l.name+": "+l.value+"\r\n"...)
	}
	block := append([]byte("facts"), text...)
	for _, c := range []struct {
		without byte
		want    string
	}{
		{0, string(text)},
		{1, "X-Empty: \r\netag: \"a\"\r\nX-B: b; c\r\n"},
		{2 | 8, "Content-Type: text/plain\r\netag: \"a\"\r\n"},
		{15, ""},
	} {
		var h http7.Header
		h.Reset(block)
		h.AddStored(index, len("facts"), c.without)
		if got := string(h.AppendLines(nil, 0)); got != c.want {
			t.Errorf("without %b: %q, want %q", c.without, got, c.want)
		}
		if has, want := h.Has(http7.ETag), c.without&4 == 0; has != want {
			t.Errorf("without %b: there is an ETag: %v, want %v", c.without, has, want)
		}
	}
}

func TestAStoredLineSaysWhereItsPartsAre(t *testing.T) {
	index := http7.AppendStoredLine(nil, http7.ETag, 4, 3, 9)
	line := `ETag: "a"` + "\r\n"
	id, name, val, valEnd, end, marks := http7.StoredLine(index)
	if id != http7.ETag || line[:name] != "ETag" || line[val:valEnd] != `"a"` || end != len(line) || marks != 9 {
		t.Errorf("read %v, %q, %q, end %d of %d, marks %d", id, line[:name], line[val:valEnd], end, len(line), marks)
	}
}

func TestFillingAHeaderFromStoredLinesAllocatesNothing(t *testing.T) {
	index := http7.AppendStoredLine(nil, http7.ETag, 4, 3, 0)
	block := []byte(`ETag: "a"` + "\r\n")
	var h http7.Header
	if n := testing.AllocsPerRun(1000, func() { h.Reset(block); h.AddStored(index, 0, 0) }); n != 0 {
		t.Fatalf("it allocates %v times", n)
	}
}
