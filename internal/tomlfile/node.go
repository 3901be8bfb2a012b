package tomlfile

import (
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// Kind is what a node is.
type Kind uint8

// The kinds of nodes. Times are kept as text, for no key wants one.
const (
	Table Kind = iota
	Array
	String
	Integer
	Float
	Bool
	Time
)

var kindNouns = [...]string{"a table", "a list", "a text", "a whole number", "a number", "true or false", "a date or time"}

// form is how a table or array came to be; TOML rules on who may add to it hang on that.
type form uint8

const (
	formImplicit form = iota // by a longer header: [a.b] makes a
	formHeader               // by its own header
	formDotted               // by a dotted key
	formInline               // by { } or [ ]
	formTables               // by [[ ]]
)

// Node is one value with its place. A tree of nodes is not safe for concurrent use.
type Node struct {
	Kind Kind
	// Text is the decoded text of a String, the literal of other scalars.
	Text string
	// Keys are the keys of a Table in the order of writing.
	Keys []string
	// Items are the elements of an Array.
	Items []*Node
	// Key is the place of the key, Val that of the value, or of a table's header. Both are
	// nowhere for values that no operator wrote.
	Key, Val Span

	fields  map[string]*Node
	form    form
	section int    // of a dotted table: the header below which it was written
	alias   string // where a shared node was written: "defaults.listeners.limits"
	source  string // of a String: its text before ${…} was replaced, if it was
	broken  bool   // already reported; nobody looks at the value
}

// NewTable returns an empty table that no operator wrote.
func NewTable() *Node { return &Node{Kind: Table} }

// Get returns the value of key in a Table, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	return n.fields[key]
}

// Set gives key a value, in place or behind the other keys.
func (n *Node) Set(key string, v *Node) {
	if n.fields == nil {
		n.fields = map[string]*Node{}
	}
	if n.fields[key] == nil {
		n.Keys = append(n.Keys, key)
	}
	n.fields[key] = v
}

// Delete removes key from a Table.
func (n *Node) Delete(key string) {
	if n.Get(key) == nil {
		return
	}
	delete(n.fields, key)
	keys := make([]string, 0, len(n.Keys))
	for _, k := range n.Keys {
		if k != key {
			keys = append(keys, k)
		}
	}
	n.Keys = keys
}

// List returns the elements of an Array; any other node stands for a list of itself alone.
func (n *Node) List() []*Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == Array:
		return n.Items
	}
	return []*Node{n}
}

// Copy returns a copy whose tables and arrays may be changed without changing n.
func (n *Node) Copy() *Node { return n.copyAs("") }

// CopyAs returns a copy that findings call by the path at which it was written.
func (n *Node) CopyAs(path conf.Path) *Node { return n.copyAs(path.String()) }

func (n *Node) copyAs(alias string) *Node {
	c := *n
	if alias != "" {
		c.alias = alias
	}
	c.Keys = append([]string(nil), n.Keys...)
	c.fields = nil
	if n.fields != nil {
		c.fields = make(map[string]*Node, len(n.fields))
	}
	for k, v := range n.fields {
		c.fields[k] = v.copyAs(join(alias, k))
	}
	c.Items = nil
	for i, item := range n.Items {
		c.Items = append(c.Items, item.copyAs(join(alias, "["+strconv.Itoa(i)+"]")))
	}
	return &c
}

func join(alias, key string) string {
	switch {
	case alias == "":
		return ""
	case strings.HasPrefix(key, "["):
		return alias + key
	}
	return alias + "." + conf.Path{key}.String()
}

// Fill adds to the Table n, key by key, what it lacks of the Table below, but for the keys that are
// excepted. Lists and scalars of n stay as they are. below is not changed; its tables and lists are
// copied, its scalars shared.
func (n *Node) Fill(below *Node, except ...string) {
	if n == nil || below == nil || n == below || n.Kind != Table || below.Kind != Table {
		return
	}
	for _, k := range below.Keys {
		if slices.Contains(except, k) {
			continue
		}
		v := below.fields[k]
		if mine := n.fields[k]; mine != nil {
			mine.Fill(v)
			continue
		}
		if v.Kind == Table || v.Kind == Array {
			v = v.Copy()
		}
		n.Set(k, v)
	}
}
