package validate

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/internal/plain"
)

// trouble is one thing wrong with a document, and where: pointer is its place as a JSON pointer, line and column count
// from 1.
type trouble struct {
	line, column int
	pointer      string
	text         string
}

// String writes t as editors do: "12:5: /paths/~1orders: what is wrong".
func (t trouble) String() string {
	s := strconv.Itoa(t.line) + ":" + strconv.Itoa(t.column) + ": "
	if t.pointer != "" {
		s += t.pointer + ": "
	}
	return s + t.text
}

// document is a YAML or JSON file: its values as encoding/json has them, and where each stands.
type document struct {
	root     *yaml.Node
	value    any
	troubles []trouble

	nodes int
	open  map[*yaml.Node]bool // aliases that are being followed
}

// mostNodes bounds what aliases may make of a file.
const mostNodes = 1 << 20

// parse reads a document. Its troubles say what could not be read; value is nil then.
func parse(text []byte) *document {
	d := &document{open: map[*yaml.Node]bool{}}
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(text) {
		text = bytes.ReplaceAll(text, []byte{'\t'}, []byte{' '}) // YAML indents by spaces alone, and in strings of JSON there is no tab
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		d.troubles = append(d.troubles, unread(err))
		return d
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		d.troubles = append(d.troubles, trouble{1, 1, "", "there is nothing in it"})
		return d
	}
	d.root = root.Content[0]
	value := d.convert(d.root, nil)
	if len(d.troubles) == 0 {
		d.value = value
	}
	return d
}

var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s+)?line (\d+): (.*)`)

// unread is what the parser says of a text that is no YAML.
func unread(err error) trouble {
	t := trouble{1, 1, "", strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			t.line, t.text = n, m[2]
		}
	}
	return t
}

// convert returns the value of n, which stands at pointer.
func (d *document) convert(n *yaml.Node, pointer []byte) any {
	if d.nodes++; d.nodes == mostNodes {
		d.add(n, pointer, "aliases make too much of the file")
	}
	if d.nodes >= mostNodes {
		return nil
	}
	switch n.Kind {
	case yaml.AliasNode:
		return d.follow(n, pointer)
	case yaml.MappingNode:
		return d.mapping(n, pointer)
	case yaml.SequenceNode:
		items := make([]any, len(n.Content))
		for i, c := range n.Content {
			items[i] = d.convert(c, strconv.AppendInt(append(bytes.Clone(pointer), '/'), int64(i), 10))
		}
		return items
	}
	v, err := scalar(n)
	if err != nil {
		d.add(n, pointer, err.Error())
	}
	return v
}

func (d *document) follow(n *yaml.Node, pointer []byte) any {
	if d.open[n.Alias] {
		d.add(n, pointer, "the alias *"+n.Value+" is within what it stands for")
		return nil
	}
	d.open[n.Alias] = true
	defer delete(d.open, n.Alias)
	return d.convert(n.Alias, pointer)
}

func (d *document) mapping(n *yaml.Node, pointer []byte) any {
	members := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		at := plain.AppendPointer(bytes.Clone(pointer), key.Value)
		switch {
		case key.Kind != yaml.ScalarNode:
			d.add(key, pointer, "a key is not a text")
			continue
		case key.Tag == "!!merge":
			d.add(key, pointer, "merge keys are not taken")
			continue
		}
		if _, twice := members[key.Value]; twice {
			d.add(key, at, "it is there twice")
			continue
		}
		members[key.Value] = d.convert(n.Content[i+1], at)
	}
	return members
}

// scalar returns the value of a scalar; what JSON has no type for is a string.
func scalar(n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int", "!!float":
		if r, ok := new(big.Rat).SetString(n.Value); ok && len(n.Value) < 64 {
			return exact(n.Value, r), nil
		}
		return nil, errors.New(strconv.Quote(n.Value) + " is not a number of JSON")
	}
	return n.Value, nil
}

// exact writes a number as JSON does.
func exact(text string, r *big.Rat) any {
	if json.Valid([]byte(text)) {
		return json.Number(text)
	}
	if r.IsInt() {
		return json.Number(r.Num().String())
	}
	f, _ := r.Float64()
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}

func (d *document) add(n *yaml.Node, pointer []byte, text string) {
	d.troubles = append(d.troubles, trouble{n.Line, n.Column, string(pointer), text})
}

// at returns the trouble text at pointer; what is not there stands where it would be.
func (d *document) at(pointer, text string) trouble {
	n := d.root
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		next := child(n, unescape(step))
		if next == nil {
			break
		}
		n = next
	}
	return trouble{n.Line, n.Column, pointer, text}
}

func child(n *yaml.Node, step string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && 0 <= i && i < len(n.Content) {
			return n.Content[i]
		}
	}
	return nil
}

// unescape undoes what AppendPointer does to one step (RFC 6901 §4).
func unescape(step string) string {
	return strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
}

// find returns what stands at a pointer in v (RFC 6901 §4).
func find(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	steps, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return nil, false
	}
	for step := range strings.SplitSeq(steps, "/") {
		switch in := v.(type) {
		case map[string]any:
			next, ok := in[unescape(step)]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(in) || step != strconv.Itoa(i) { // no zeros or signs in front
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}
