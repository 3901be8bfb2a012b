package explain

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"weir/internal/term"
)

// FuzzText reads reports as an admin server may send them, and holds that each becomes a text of printable characters.
func FuzzText(f *testing.F) {
	for _, r := range samples() {
		b, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(everywhere("\x1b[31m"))
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

// everywhere returns a report in which every text begins so.
func everywhere(mark string) []byte {
	b, err := json.Marshal(forwarded())
	if err != nil {
		panic(err) // a sample that is no JSON
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		panic(err)
	}
	r := tree.(map[string]any)
	r["split"] = map[string]any{"by": "x", "key": "x", "sides": []any{map[string]any{"upstream": "x", "weight": 1, "share": 0.5, "chosen": true}}}
	r["answer"] = map[string]any{"status": 403, "by": "x", "fault": "x", "title": "x", "detail": "x", "location": "x", "fields": []any{map[string]any{"name": "x", "value": "x"}}}
	b, err = json.Marshal(marked(tree, mark))
	if err != nil {
		panic(err)
	}
	return b
}

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
