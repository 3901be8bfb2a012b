package content

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Paths are the paths that are read for, numbered from 0. The zero value has none. They don't change
// once they are read with, and are then safe for concurrent use.
type Paths struct {
	numbers   map[string]int
	json, xml step
}

// step is one place that paths lead to.
type step struct {
	below map[string]*step // by the name of a member or element, an index, "@" and an attribute
	any   *step            // "*"
	ends  []end            // of the paths that end here
}

// end is the number of a path, and whether each of its values is asked for.
type end struct {
	number int
	every  bool
}

// Add makes a path known and returns its number, the same for the same path. One that [Check] refuses
// has a number too, and finds nothing. Of many different values a few are found: enough to say that there is one, and
// that not all are alike.
func (p *Paths) Add(path string) (number int, kind Kind) { return p.add(path, false) }

// AddEvery is Add for a condition that must see each value that there is, such as a regular expression.
// A body with more than [MostValues] different ones at such paths is refused.
func (p *Paths) AddEvery(path string) (number int, kind Kind) { return p.add(path, true) }

func (p *Paths) add(path string, every bool) (number int, kind Kind) {
	names, kind, err := parse(path)
	number, known := p.numbers[path]
	if p.numbers == nil {
		p.numbers = map[string]int{}
	}
	if !known {
		number = len(p.numbers)
		p.numbers[path] = number
	}
	if err != nil {
		return number, kind
	}
	at := &p.json
	if kind == XML {
		at = &p.xml
	}
	for _, n := range names {
		at = at.to(n)
	}
	i := slices.IndexFunc(at.ends, func(e end) bool { return e.number == number })
	if i < 0 {
		at.ends = append(at.ends, end{number, every})
		return number, kind
	}
	at.ends[i].every = at.ends[i].every || every
	return number, kind
}

func (s *step) to(n name) *step {
	if n.any {
		if s.any == nil {
			s.any = new(step)
		}
		return s.any
	}
	if s.below == nil {
		s.below = map[string]*step{}
	}
	if s.below[n.text] == nil {
		s.below[n.text] = new(step)
	}
	return s.below[n.text]
}

// name is one step of a path; any is "*": every element of a list, every member of an object, every
// element of XML.
type name struct {
	text string
	any  bool
}

// Check says what kind of body a path leads into, and what is wrong with it. One that begins with "/"
// leads into XML: names of elements without their prefixes, from the root, the last one may be
// "@attribute". Others lead into JSON: names of members and indexes of lists, with dots between. "*" is
// any of them; a backslash takes its meaning from the byte behind it: "k8s\.io".
func Check(path string) (Kind, error) {
	_, kind, err := parse(path)
	return kind, err
}

func parse(path string) (names []name, kind Kind, err error) {
	if xml, ok := strings.CutPrefix(path, "/"); ok {
		names, err = parseXML(xml)
		return names, XML, err
	}
	names, err = parseJSON(path)
	return names, JSON, err
}

func parseXML(path string) (names []name, err error) {
	list := strings.Split(path, "/")
	for i, text := range list {
		bare, attribute := strings.CutPrefix(text, "@")
		switch {
		case bare == "":
			return nil, errors.New("an element has no name")
		case attribute && (i == 0 || i < len(list)-1):
			return nil, errors.New("an attribute stands at the end, behind its element")
		case strings.ContainsAny(bare, "@:[]()\"' <>&") || strings.Contains(bare, "*") && text != "*":
			return nil, errors.New(strconv.Quote(text) + " is no name; prefixes are left out")
		}
		names = append(names, name{text, text == "*"})
	}
	if len(names) > MostDepth {
		return nil, errTooDeep
	}
	return names, nil
}

var errTooDeep = errors.New("it leads deeper than bodies may be")

func parseJSON(path string) (names []name, err error) {
	for more := true; more; {
		var n name
		if n, path, more = cutName(path); n.text == "" {
			return nil, errors.New("a name is missing beside a dot")
		}
		names = append(names, n)
	}
	if len(names) > MostDepth {
		return nil, errTooDeep
	}
	return names, nil
}

// cutName takes the name that ends at the first dot without a backslash.
func cutName(path string) (n name, rest string, more bool) {
	var text []byte
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && i+1 < len(path):
			i++
			text = append(text, path[i])
		case c == '.':
			return name{string(text), path[:i] == "*"}, path[i+1:], true
		default:
			text = append(text, c)
		}
	}
	return name{string(text), path == "*"}, "", false
}
