package plan

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestTheLinesThatWeirWritesAreScanned(t *testing.T) {
	var l, want line
	if !l.scan(wholeLine) {
		t.Fatal("the line of the log is not scanned")
	}
	if err := json.Unmarshal([]byte(wholeLine), &want); err != nil || !reflect.DeepEqual(l, want) {
		t.Errorf("got  %+v\nwant %+v, %v", l, want, err)
	}
	allocs := testing.AllocsPerRun(100, func() { l.scan(wholeLine) })
	if allocs > 8 { // three pointers, two lists
		t.Errorf("%v allocations for a line", allocs)
	}
}

func TestWhatIsWrittenOtherwiseIsLeftToTheJSONReader(t *testing.T) {
	for _, s := range []string{
		``, `{`, `{}x`, `[]`, `{"ts":1,}`, `{,"ts":1}`, `{"ts":01}`, `{"ts":-1}`, `{"ts":1.5}`, `{"ts":1e3}`, `{"ts":1234567890123456789}`, `{"ts":"1"}`, `{"TS":1}`,
		`{"method":"a\u0041"}`, "{\"method\":\"a\tb\"}", "{\"method\":\"a\xff\"}", `{"method":null}`, `{"method": "GET"}`, `{"match":[["a"]]}`, `{"match":[["a","b","c"]]}`,
		`{"match":[,]}`, `{"match":[["a","b"]["c","d"]]}`, `{"new":1}`, `{"ts":1 }`, `{"ts":}`, `{"ts"}`,
	} {
		var l line
		if l.scan(s) {
			t.Errorf("%q is scanned as %+v", s, l)
		}
	}
}

// FuzzScan holds that what is scanned is what encoding/json reads.
func FuzzScan(f *testing.F) {
	for _, s := range []string{wholeLine, small, `{}`, `{"ts":1,"ts":2,"match":[["a","b"]],"match":[]}`, `{"host":"é","verdicts":[["a","b"],["c","d"]]}`, "{\"host\":\"\xed\xa0\x80\"}",
		strings.Replace(small, "GET", `G\u0045T`, 1), `{"dur_us":0,"attempts":00}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var l, want line
		if !l.scan(s) {
			return
		}
		if err := json.Unmarshal([]byte(s), &want); err != nil || !reflect.DeepEqual(l, want) {
			t.Errorf("%q is scanned as %+v, read as %+v, %v", s, l, want, err)
		}
	})
}
