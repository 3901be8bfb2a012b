package headers_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/headers"
	"weir/internal/conf"
)

// line is one field of the model.
type line struct{ name, value string }

// edit does what the manual says, in the plainest way: remove, then set, then add, each by name.
func (m *model) edit(s *section) {
	for _, name := range s.Remove {
		m.drop(name, 0)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Set)) {
		first := slices.IndexFunc(m.lines, func(l line) bool { return strings.EqualFold(l.name, name) })
		switch value, ok := m.value(s.Set[name]); {
		case !ok:
			m.drop(name, 0)
		case first < 0:
			m.lines = append(m.lines, line{name, value})
		default:
			m.lines[first] = line{name, value}
			m.drop(name, first+1)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Add)) {
		for _, text := range s.Add[name] {
			if value, ok := m.value(text); ok {
				m.lines = append(m.lines, line{name, value})
			}
		}
	}
}

// model is a header as a list, and what the variables of the test's texts are.
type model struct {
	lines    []line
	consumer string
}

func (m *model) drop(name string, from int) {
	rest := slices.DeleteFunc(slices.Clone(m.lines[from:]), func(l line) bool { return strings.EqualFold(l.name, name) })
	m.lines = append(m.lines[:from], rest...)
}

func (m *model) value(text string) (value string, ok bool) {
	if !strings.Contains(text, "{consumer}") {
		return text, true
	}
	value = strings.TrimSpace(strings.ReplaceAll(text, "{consumer}", m.consumer))
	return value, value != ""
}

// String writes the header as the wire has it.
func (m *model) String() (s string) {
	for _, l := range m.lines {
		s += l.name + ": " + l.value + "\r\n"
	}
	return s
}

// maker makes up headers and edits.
type maker struct{ *rand.Rand }

func (r maker) name() string {
	return []string{"A", "a", "B", "Via", "via", "X-Long-Name", "Cookie"}[r.IntN(7)]
}

func (r maker) text() string {
	return []string{"", "1", "two words", "{consumer}", "<{consumer}>", "a {consumer}"}[r.IntN(6)]
}

func (r maker) section() *section {
	s := &section{Set: map[string]string{}, Add: map[string][]string{}}
	for range r.IntN(3) {
		s.Remove = append(s.Remove, r.name())
	}
	for range r.IntN(4) {
		if name := r.name(); s.Set[strings.ToLower(name)] == "" { // a name twice is refused
			s.Set[strings.ToLower(name)] = r.text()
		}
	}
	for range r.IntN(3) {
		name := r.name()
		s.Add[name] = append(s.Add[name], r.text())
	}
	return s
}

func (r maker) exchange() (*http7.Exchange, *model) {
	x, m := &http7.Exchange{}, &model{consumer: []string{"", "alice"}[r.IntN(2)]}
	x.Consumer = m.consumer
	for i := range r.IntN(8) {
		l := line{r.name(), fmt.Sprint("v", i)}
		x.Request.AddRaw([]byte(l.name), []byte(l.value))
		m.lines = append(m.lines, l)
	}
	return x, m
}

func TestEditsAgreeWithThePlainestReading(t *testing.T) {
	r := maker{rand.New(rand.NewPCG(7, 7))}
	for range 20000 {
		s := r.section()
		x, m := r.exchange()
		before := m.String()
		for _, step := range compile(t, headers.Config{Request: s}) {
			step.Request.Request(x)
		}
		m.edit(s)
		if got := string(x.Request.AppendLines(nil, 0)); got != m.String() {
			t.Fatalf("%q of %q edited by %+v\ngot  %q\nwant %q", m.consumer, before, s, got, m)
		}
	}
}

// One edit alone: observe mode remarks on it exactly if enforcing it changes the header.
func TestARemarkMeansAChange(t *testing.T) {
	r := maker{rand.New(rand.NewPCG(7, 8))}
	for range 20000 {
		var s section
		switch r.IntN(3) {
		case 0:
			s.Remove = []string{r.name()}
		case 1:
			s.Set = map[string]string{r.name(): r.text()}
		case 2:
			s.Add = map[string][]string{r.name(): {r.text()}}
		}
		x, m := r.exchange()
		before := m.String()
		m.edit(&s)
		s.Mode = conf.Observe
		compile(t, headers.Config{Request: &s})[0].Request.Request(x)
		if got := string(x.Request.AppendLines(nil, 0)); got != before {
			t.Fatalf("%+v changed %q to %q", s, before, got)
		}
		// A name that changes its spelling alone is no change worth a remark.
		if changes := !strings.EqualFold(m.String(), before); changes != (len(x.Verdicts) > 0) {
			t.Fatalf("%+v on %q leaves %q", s, before, x.Verdicts)
		}
	}
}
