package tomlfile

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// Finding is one problem with its place.
type Finding struct {
	// At is the place of the wrong key or value; nowhere if no operator wrote one.
	At Span
	// Key is the key as findings call it; "" for errors of syntax.
	Key string
	// Text says what is wrong, Hint the way out.
	Text, Hint string
	// Warning marks what is reported without failing.
	Warning bool

	path  conf.Path // in the tree; Key may differ from it for shared nodes
	cause bool      // only there to explain others: what a misspelt key was meant to be
}

// Report collects the findings of one load. The zero Report is empty. It is not safe for
// concurrent use.
type Report struct {
	findings []Finding
	broken   bool
	pause    func()
}

// Pause makes whoever parses and decodes into r call f every now and then, on their own goroutine: a process
// that serves meanwhile can give way there. Default: nil, nobody pauses.
func (r *Report) Pause(f func()) { r.pause = f }

func (r *Report) rest() {
	if r.pause != nil {
		r.pause()
	}
}

func (r *Report) add(f Finding) { r.findings = append(r.findings, f) }

// syntax notes an error behind which a file was not read.
func (r *Report) syntax(f Finding) {
	r.broken = true
	r.add(f)
}

// Note adds a finding at a place that a caller knows itself, such as an include.
func (r *Report) Note(f Finding) { r.add(f) }

// Unreadable reports whether a file could not be parsed to its end, so that what is absent from
// the tree may well have been written.
func (r *Report) Unreadable() bool { return r.broken }

// Failed reports whether there is anything but warnings.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.findings, func(f Finding) bool { return !f.Warning && !f.cause })
}

// Findings returns everything found, by place, each once.
func (r *Report) Findings() []Finding {
	list := slices.DeleteFunc(slices.Clone(r.findings), func(f Finding) bool { return f.cause })
	slices.SortStableFunc(list, func(a, b Finding) int {
		switch {
		case a.At.before(b.At):
			return -1
		case b.At.before(a.At):
			return 1
		}
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Text, b.Text))
	})
	return slices.CompactFunc(list, func(a, b Finding) bool {
		return a.At == b.At && a.Key == b.Key && a.Text == b.Text
	})
}

// Place adds the problems that rooms have noted, each at its place in root. A problem that follows
// from a finding already there is left out: one whose key is the finding's, above it or below it, or that
// needs what the finding is about, or what that is a part of.
func (r *Report) Place(root *Node, problems []conf.Problem) {
	causes := len(r.findings)
	for _, p := range problems {
		follows := func(f Finding) bool {
			return !f.Warning && f.path != nil && (related(f.path, p.Path) || related(f.path, p.Needs))
		}
		if slices.ContainsFunc(r.findings[:causes], follows) {
			continue
		}
		r.add(r.place(root, p))
	}
}

func (r *Report) place(root *Node, p conf.Problem) Finding {
	n, key := root.nearest(p.Path)
	at := n.Val
	if p.AtKey || at.Nowhere() {
		at = n.Key
	}
	return Finding{At: at, Key: key, Text: p.Text, Hint: p.Hint, Warning: p.Warning, path: p.Path}
}

func related(a, b conf.Path) bool {
	n := min(len(a), len(b))
	return n > 0 && slices.Equal(a[:n], b[:n])
}

// nearest returns the node at path or the nearest written one above it, and what the path is called.
func (n *Node) nearest(path conf.Path) (near *Node, key string) {
	near, alias, behind := n, "", path
	for i, k := range path {
		n = n.step(k)
		if n == nil {
			break
		}
		if n.alias != "" {
			alias, behind = n.alias, path[i+1:]
		}
		if !n.Val.Nowhere() || !n.Key.Nowhere() {
			near = n
		}
	}
	if alias == "" {
		return near, path.String()
	}
	for _, k := range behind {
		alias = join(alias, k)
	}
	return near, alias
}

// step returns the child at k. An index of what is no array is the node itself: a list of one
// written without brackets.
func (n *Node) step(k string) *Node {
	if n.Kind == Table {
		if child := n.Get(k); child != nil {
			return child
		}
	}
	i, err := strconv.Atoi(strings.Trim(k, "[]"))
	switch {
	case !strings.HasPrefix(k, "[") || err != nil:
		return nil
	case n.Kind != Array:
		return n
	case i < 0 || i >= len(n.Items):
		return nil
	}
	return n.Items[i]
}

// Locate returns the place of the value at path, or of the nearest thing above it that was
// written, and what the path is called there: shared values go by where they were written.
func (n *Node) Locate(path conf.Path) (at Span, key string) {
	near, key := n.nearest(path)
	if near.Val.Nowhere() {
		return near.Key, key
	}
	return near.Val, key
}
