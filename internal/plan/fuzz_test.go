package plan

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"weir/internal/term"
)

// FuzzText reads reports as an admin server may send them, and holds that each becomes a text of printable characters.
func FuzzText(f *testing.F) {
	log, err := os.ReadFile("testdata/log.json")
	if err != nil {
		f.Fatal(err)
	}
	changes, err := json.Marshal(&Report{Old: "x", New: "x", Changes: Changes{
		Listeners: []Change{{Kind: Changed, Name: "x", About: "x", Keys: []Key{{"x", "x", "x"}, {"x", "", "x"}, {"x", "x", ""}, {"x", "", ""}}, Added: []string{"x"}, Removed: []string{"x"}, Used: []string{"x"}}},
		Routes:    []Change{{Kind: Renamed, Name: "x", Was: "x"}, {Kind: Added, Name: "x"}, {Kind: Removed, Name: "x"}},
		Settings:  []Key{{"x", "x", "x"}},
		Endings:   []Ending{{Listener: "x", Ends: true, Why: "x"}, {Upstream: "x", Why: "x"}},
		Shadowed:  []Shadowed{{"x", "x", "x", true}, {"x", "x", "x", false}},
	}})
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{[]byte(`{"log":` + string(log) + `}`), changes} {
		f.Add(b)
		var tree any
		if err := json.Unmarshal(b, &tree); err != nil {
			f.Fatal(err)
		}
		if b, err = json.Marshal(marked(tree, "\x1b[31m")); err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Report
		if json.Unmarshal(b, &r) != nil {
			return
		}
		for line := range strings.Lines(r.Text(term.Paint{})) {
			if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(c rune) bool { return !strconv.IsPrint(c) }) {
				t.Errorf("there is %q in the text", line)
			}
		}
	})
}

// marked begins every text below v so.
func marked(v any, mark string) any {
	switch v := v.(type) {
	case string:
		return mark + v
	case []any:
		for i := range v {
			v[i] = marked(v[i], mark)
		}
	case map[string]any:
		for k := range v {
			v[k] = marked(v[k], mark)
		}
	}
	return v
}
