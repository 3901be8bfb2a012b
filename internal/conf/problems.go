package conf

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Path names one place in a config: keys and, for arrays, indexes written as "[n]".
type Path []string

// String writes the path as an operator would: "routes[2].match.path", with keys that are
// not bare quoted.
func (p Path) String() string {
	var b strings.Builder
	for _, k := range p {
		switch {
		case strings.HasPrefix(k, "["):
			b.WriteString(k)
			continue
		case b.Len() > 0:
			b.WriteByte('.')
		}
		if bare(k) {
			b.WriteString(k)
		} else {
			b.WriteString(strconv.Quote(k))
		}
	}
	return b.String()
}

func bare(k string) bool {
	for i := range len(k) {
		c := k[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return k != ""
}

// Problem is one thing wrong with a config. Rooms speak in keys; the loader adds the place.
type Problem struct {
	Path Path
	// Text says what is wrong, without the key: `"100 per sec" is not a rate`.
	Text string
	// Hint says the way out: `write a count and a unit, such as "100/s"`. May be empty.
	Hint string
	// Needs names what the value refers to, if anything: a problem there is the cause of this one,
	// which is then not reported.
	Needs Path
	// AtKey places the problem at the key instead of at its value.
	AtKey bool
	// Warning marks what `weir check` reports without failing.
	Warning bool
}

// Problems collects problems below one path. The zero value is not usable; see [NewProblems].
// It is not safe for concurrent use.
type Problems struct {
	*notes
	path Path
}

// notes are what all places of one collection share.
type notes struct {
	list  []Problem
	read  func(path string) ([]byte, error)
	files map[string]content
}

// content is what reading a file gave.
type content struct {
	text []byte
	err  error
}

// NewProblems returns an empty collection at the root of a config.
func NewProblems() *Problems { return &Problems{notes: &notes{read: ReadFile}} }

// ReadBy makes [Problems.ReadFile] read by read.
func (p *Problems) ReadBy(read func(path string) ([]byte, error)) { p.read = read }

// ReadFile reads a file that the config names, for whoever checks or takes what is in it. It reads as the loader
// does, which may refuse some; otherwise it is [ReadFile]. A file is read once: nobody must change the bytes.
func (p *Problems) ReadFile(path string) ([]byte, error) {
	c, known := p.files[path]
	if !known {
		c.text, c.err = p.read(path)
		if p.files == nil {
			p.files = map[string]content{}
		}
		p.files[path] = c
	}
	return c.text, c.err
}

// In returns the same collection one or more keys further down.
func (p *Problems) In(keys ...string) *Problems {
	path := make(Path, 0, len(p.path)+len(keys))
	return &Problems{notes: p.notes, path: append(append(path, p.path...), keys...)}
}

// Index returns the same collection at element i of the array at key.
func (p *Problems) Index(key string, i int) *Problems {
	return p.In(key, "["+strconv.Itoa(i)+"]")
}

// Add notes a problem at key below this path; an empty key means the path itself.
func (p *Problems) Add(key, text, hint string) {
	p.add(key, Problem{Text: text, Hint: hint})
}

// AddKey notes a problem with the key itself, not with its value: it is out of place here.
func (p *Problems) AddKey(key, text, hint string) {
	p.add(key, Problem{Text: text, Hint: hint, AtKey: true})
}

// AddNeeds notes a problem of a value that refers to something else, which is at needs, counted from
// the root.
func (p *Problems) AddNeeds(key, text, hint string, needs ...string) {
	p.add(key, Problem{Text: text, Hint: hint, Needs: needs})
}

// AddError notes err at key: a [*BadValue] with its hint, any other error by its text.
func (p *Problems) AddError(key string, err error) {
	var b *BadValue
	if errors.As(err, &b) {
		p.Add(key, b.Text, b.Hint)
		return
	}
	p.Add(key, err.Error(), "")
}

// Warn notes something that is allowed but probably not meant.
func (p *Problems) Warn(key, text, hint string) {
	p.add(key, Problem{Text: text, Hint: hint, Warning: true})
}

func (p *Problems) add(key string, pr Problem) {
	pr.Path = p.path
	if key != "" {
		pr.Path = p.In(key).path
	}
	p.list = append(p.list, pr)
}

// At returns the same collection at path, counted from the root.
func (p *Problems) At(path Path) *Problems { return &Problems{notes: p.notes, path: path} }

// Path returns where p notes problems, counted from the root.
func (p *Problems) Path() Path { return slices.Clone(p.path) }

// List returns what has been noted, in the order of noting.
func (p *Problems) List() []Problem { return p.list }

// Failed reports whether anything but warnings was noted.
func (p *Problems) Failed() bool { return p.Err() != nil }

// Err returns the first that is no warning, as "path: text", or nil.
func (p *Problems) Err() error {
	for i := range p.list {
		if pr := &p.list[i]; !pr.Warning {
			return errors.New(pr.Path.String() + ": " + pr.Text)
		}
	}
	return nil
}
