package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
	"weir/internal/tomlfile"
)

// file reads and parses one file and those that it includes. It returns nil, and has noted why,
// if there is nothing to read. from is the include that asked for it.
func (l *loader) file(path string, from tomlfile.Span) *tomlfile.Node {
	id := identity(path)
	if slices.Contains(l.open, id) {
		l.note(from, path+" includes itself", chain(l.open, id))
		return nil
	}
	if first, twice := l.loaded[id]; twice {
		l.note(from, path+" is included twice", "the first time at "+place(first))
		return nil
	}
	l.loaded[id] = from
	text, err := l.ReadFile(path)
	if err != nil {
		l.note(from, path+" can't be read: "+conf.FileTrouble(err), "")
		return nil
	}
	return l.text(path, text)
}

// identity is equal for two names of one file.
func identity(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path
}

func chain(open []string, id string) string {
	var names []string
	for _, o := range append(open[slices.Index(open, id):], id) {
		names = append(names, filepath.Base(o))
	}
	return "the chain is " + strings.Join(names, " → ")
}

func place(s tomlfile.Span) string {
	line, column := s.Position()
	return fmt.Sprintf("%s:%d:%d", s.File.Name, line, column)
}

func (l *loader) note(at tomlfile.Span, text, hint string) {
	key := ""
	if !at.Nowhere() {
		key = "include"
	}
	l.report.found.Note(tomlfile.Finding{At: at, Key: key, Text: text, Hint: hint})
}

// text parses one text and merges what it includes.
func (l *loader) text(name string, text []byte) *tomlfile.Node {
	l.report.files = append(l.report.files, name)
	f := tomlfile.NewFile(name, text, len(l.report.files))
	root := tomlfile.Parse(f, &l.report.found)
	root.Expand(&l.report.found, l.Env)
	l.open = append(l.open, identity(name))
	defer func() { l.open = l.open[:len(l.open)-1] }()
	include := root.Get("include")
	root.Delete("include")
	for _, n := range include.List() {
		if n.Kind != tomlfile.String {
			l.note(n.Val, "an include is the name of a file", `write include = ["conf.d/*.toml"]`)
			continue
		}
		for _, path := range l.matches(filepath.Dir(name), n) {
			if other := l.file(path, n.Val); other != nil {
				l.merge(root, other)
			}
		}
	}
	return root
}

// matches returns the files that an include means. A pattern may match none; a plain name is
// returned as it is, so that its absence is found.
func (l *loader) matches(dir string, n *tomlfile.Node) []string {
	pattern := n.Text
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(dir, pattern)
	}
	if err := l.Include(pattern); err != nil {
		l.note(n.Val, err.Error(), "")
		return nil
	}
	if !strings.ContainsAny(n.Text, "*?[") {
		return []string{pattern}
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		l.note(n.Val, strconv.Quote(n.Text)+" is not a pattern of file names", "a [ needs its ]")
	}
	return files
}

// merge adds an included tree to the one that includes it. Names of entries are joined, routes
// are appended; whatever is defined on both sides is noted.
func (l *loader) merge(root, other *tomlfile.Node) {
	for _, k := range other.Keys {
		mine, theirs := root.Get(k), other.Get(k)
		switch {
		case mine == nil:
			root.Set(k, theirs)
		case k == "routes":
			root.Set(k, joinLists(mine, theirs))
		case slices.Contains([]string{"listeners", "policies", "upstreams", "defaults"}, k) && mine.Kind == theirs.Kind:
			l.mergeNames(k, mine, theirs)
		default:
			l.definedTwice(conf.Path{k}, mine, theirs)
		}
	}
}

func (l *loader) mergeNames(table string, mine, theirs *tomlfile.Node) {
	for _, name := range theirs.Keys {
		if first := mine.Get(name); first != nil {
			l.definedTwice(conf.Path{table, name}, first, theirs.Get(name))
			continue
		}
		mine.Set(name, theirs.Get(name))
	}
}

func (l *loader) definedTwice(path conf.Path, mine, theirs *tomlfile.Node) {
	l.report.found.Note(tomlfile.Finding{
		At: theirs.Key, Key: path.String(), Text: "it is defined in two files",
		Hint: "the other is at " + place(mine.Key) + "; keep one of them, or give one another name",
	})
}

// joinLists returns one list with the elements of both. Places are those of the first.
func joinLists(a, b *tomlfile.Node) *tomlfile.Node {
	list := *a
	if a.Kind != tomlfile.Array {
		list = tomlfile.Node{Kind: tomlfile.Array, Key: a.Key, Val: a.Val}
	}
	list.Items = append(slices.Clone(a.List()), b.List()...)
	return &list
}
