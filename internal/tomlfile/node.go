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

	values  []*Node        // by the place of their keys
	index   map[string]int // places of keys, of a large table
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
	if i := n.find(key); i >= 0 {
		return n.values[i]
	}
	return nil
}

// small is how many keys are looked through one by one; larger tables have an index.
const small = 12

// usual is how many keys a table is made for.
const usual = 4

// find returns where a key is among Keys; -1 if it is not.
func (n *Node) find(key string) int {
	if n.index != nil {
		if i, ok := n.index[key]; ok {
			return i
		}
		return -1
	}
	return slices.Index(n.Keys, key)
}

// Set gives key a value, in place or behind the other keys.
func (n *Node) Set(key string, v *Node) {
	if i := n.find(key); i >= 0 {
		n.values[i] = v
		return
	}
	if n.Keys == nil {
		n.Keys, n.values = make([]string, 0, usual), make([]*Node, 0, usual)
	}
	n.Keys, n.values = append(n.Keys, key), append(n.values, v)
	switch {
	case n.index != nil:
		n.index[key] = len(n.Keys) - 1
	case len(n.Keys) > small:
		n.reindex()
	}
}

// reindex makes the index of a large table anew.
func (n *Node) reindex() {
	n.index = nil
	if len(n.Keys) <= small {
		return
	}
	n.index = make(map[string]int, 2*len(n.Keys))
	for i, k := range n.Keys {
		n.index[k] = i
	}
}

// Delete removes key from a Table.
func (n *Node) Delete(key string) {
	if n == nil {
		return
	}
	if i := n.find(key); i >= 0 {
		// Neither list is changed in place: whoever walks them goes on.
		n.Keys = append(slices.Clone(n.Keys[:i]), n.Keys[i+1:]...)
		n.values = append(slices.Clone(n.values[:i]), n.values[i+1:]...)
		n.reindex()
	}
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
	c.Keys, c.values = slices.Clone(n.Keys), slices.Clone(n.values)
	for i, k := range n.Keys {
		c.values[i] = n.values[i].copyAs(join(alias, k))
	}
	c.reindex()
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
	for i, k := range below.Keys {
		if slices.Contains(except, k) {
			continue
		}
		v := below.values[i]
		if mine := n.Get(k); mine != nil {
			mine.Fill(v)
			continue
		}
		if v.Kind == Table || v.Kind == Array {
			v = v.Copy()
		}
		n.Set(k, v)
	}
}
