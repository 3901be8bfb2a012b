package report

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/bench"
	"weir/bench/replay"
	"weir/bench/slo"
)

// described reads the keys of each table of the page, with their kinds, by the table's heading.
func described(t *testing.T) map[string][][2]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/bench-report.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][][2]string{}
	heading := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "## "); ok {
			heading = name
		}
		cells := strings.Split(line, " | ")
		if key, ok := strings.CutPrefix(cells[0], "| `"); ok && len(cells) == 3 {
			if meaning := strings.TrimSuffix(cells[2], " |"); len(meaning) < 5 {
				t.Errorf("%s: %s has no meaning", heading, key)
			}
			out[heading] = append(out[heading], [2]string{strings.TrimSuffix(key, "`"), cells[1]})
		}
	}
	return out
}

// kindOf is what the page calls a Go type, given the key.
func kindOf(t *testing.T, of reflect.Type, key string) string {
	t.Helper()
	switch of {
	case reflect.TypeFor[time.Time]():
		return "time"
	case reflect.TypeFor[time.Duration]():
		if !strings.HasSuffix(key, "_ns") {
			t.Errorf("%s is a time and does not end in _ns", key)
		}
		return "ns"
	case reflect.TypeFor[map[string]string]():
		return "object of text"
	case reflect.TypeFor[map[int]int64]():
		return "object of counts"
	}
	switch of.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "boolean"
	case reflect.Float64:
		if key == "busy" {
			return "share"
		}
		return "number"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		if strings.HasPrefix(key, "bytes_") {
			return "bytes"
		}
		return "count"
	case reflect.Slice:
		return "list of " + kindOf(t, of.Elem(), key)
	}
	name := strings.ToLower(of.Name())
	return "[" + name + "](#" + name + ")"
}

func TestThePageDescribesEveryKeyOfTheFormat(t *testing.T) {
	page := described(t)
	for heading, of := range map[string]reflect.Type{
		"The report": reflect.TypeFor[bench.Report](), "Machine": reflect.TypeFor[bench.Machine](), "Settings": reflect.TypeFor[bench.Settings](),
		"Quantiles": reflect.TypeFor[bench.Quantiles](), "Class": reflect.TypeFor[bench.Class](), "Second": reflect.TypeFor[bench.Second](),
		"Verdict": reflect.TypeFor[slo.Verdict](), "Capacity": reflect.TypeFor[slo.Capacity](), "Probe": reflect.TypeFor[slo.Probe](),
		"Comparison": reflect.TypeFor[replay.Comparison](), "Pair": reflect.TypeFor[replay.Pair](), "Difference": reflect.TypeFor[replay.Difference](),
	} {
		var want [][2]string
		for i := range of.NumField() {
			tag := of.Field(i).Tag.Get("json")
			key, options, _ := strings.Cut(tag, ",")
			kind := kindOf(t, of.Field(i).Type, key)
			if options == "omitempty" {
				kind = "optional " + kind
			}
			want = append(want, [2]string{key, kind})
		}
		if got := page[heading]; !slices.Equal(got, want) {
			t.Errorf("%s: docs/bench-report.md has\n%q\nthe struct has\n%q", heading, got, want)
		}
	}
	text, err := json.Marshal(bench.Failures{})
	var kinds map[string]int64
	if err == nil {
		err = json.Unmarshal(text, &kinds)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range page["Failures"] {
		if name := bench.Kind(i).String(); strings.ReplaceAll(name, " ", "_") != key[0] {
			t.Errorf("failure %d is %q on the page and %q in the program", i, key[0], name)
		}
		delete(kinds, key[0])
	}
	if len(kinds) > 0 {
		t.Errorf("kinds of failure that the page lacks: %v", kinds)
	}
}

func TestThePageNamesTheFormat(t *testing.T) {
	text, err := os.ReadFile("../../docs/bench-report.md")
	if err != nil || !strings.Contains(string(text), "`"+bench.ReportFormat+"`") {
		t.Errorf("no %s: %v", bench.ReportFormat, err)
	}
}
