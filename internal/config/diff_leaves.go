package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
	"weir/internal/plan"
	"weir/internal/tomlfile"
)

// leaves are the values of a config entry by their keys, as an operator would write them. A list is one value, of which
// the elements are known if they are tables.
type leaves struct {
	texts   map[string]string
	lists   map[string][]*tomlfile.Node
	secrets map[string]string // themselves; they are compared and never told
}

// leavesOf returns those of a pointer to an entry.
func leavesOf(entry any) leaves {
	l := leavesBelow(tomlfile.FromValue(entry))
	l.secrets = map[string]string{}
	findSecrets(reflect.ValueOf(entry), "", l.secrets)
	return l
}

// leavesBelow returns those of a table.
func leavesBelow(n *tomlfile.Node) leaves {
	l := leaves{texts: map[string]string{}, lists: map[string][]*tomlfile.Node{}}
	l.walk(n, nil)
	return l
}

func (l *leaves) walk(n *tomlfile.Node, path conf.Path) {
	if n.Kind == tomlfile.Array && !slices.ContainsFunc(n.Items, func(item *tomlfile.Node) bool { return item.Kind != tomlfile.Table }) {
		l.lists[path.String()] = n.Items
	}
	if n.Kind != tomlfile.Table {
		l.texts[path.String()] = leafText(n)
		return
	}
	if len(n.Keys) == 0 && len(path) > 0 {
		l.texts[path.String()] = "{}"
	}
	for _, k := range n.Keys {
		l.walk(n.Get(k), append(slices.Clone(path), k))
	}
}

// leafText is a value as a person writes it, texts alone without their quotes.
func leafText(n *tomlfile.Node) string {
	if n.Kind == tomlfile.String {
		return cmp.Or(n.Text, `""`)
	}
	return inline(n)
}

// inline writes a value in one line of TOML.
func inline(n *tomlfile.Node) string {
	switch n.Kind {
	case tomlfile.String:
		return strconv.Quote(n.Text)
	case tomlfile.Array:
		parts := make([]string, len(n.Items))
		for i, item := range n.Items {
			parts[i] = inline(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case tomlfile.Table:
		parts := make([]string, len(n.Keys))
		for i, k := range n.Keys {
			parts[i] = conf.Path{k}.String() + " = " + inline(n.Get(k))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return n.Text
}

// changed returns the keys whose values differ, in order.
func changed(old, new leaves) []plan.Key {
	out := []plan.Key{}
	seen := map[string]bool{}
	for _, l := range []leaves{old, new} {
		for key := range l.texts {
			if was, is := old.texts[key], new.texts[key]; was != is && !seen[key] {
				seen[key] = true
				a, listed := old.lists[key]
				b, still := new.lists[key]
				if listed && still {
					out = append(out, elements(key, a, b)...)
				} else {
					out = append(out, plan.Key{Key: key, Old: was, New: is})
				}
			}
		}
	}
	for key, secret := range new.secrets {
		if was, there := old.secrets[key]; there && was != secret && !seen[key] {
			out = append(out, plan.Key{Key: key}) // both sides would read ***
		}
	}
	slices.SortFunc(out, func(a, b plan.Key) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// elements compares two lists of tables: what has come and gone between the elements that are the same at both ends, and
// key by key those that stand in the same place.
func elements(key string, old, new []*tomlfile.Node) (out []plan.Key) {
	same := func(a, b *tomlfile.Node) bool { return inline(a) == inline(b) }
	at := 0
	for at < min(len(old), len(new)) && same(old[at], new[at]) {
		at++
	}
	for min(len(old), len(new)) > at && same(old[len(old)-1], new[len(new)-1]) {
		old, new = old[:len(old)-1], new[:len(new)-1]
	}
	for ; at < max(len(old), len(new)); at++ {
		place := fmt.Sprintf("%s[%d]", key, at)
		switch {
		case at >= len(old):
			out = append(out, plan.Key{Key: place, New: inline(new[at])})
		case at >= len(new):
			out = append(out, plan.Key{Key: place, Old: inline(old[at])})
		default:
			for _, k := range changed(leavesBelow(old[at]), leavesBelow(new[at])) {
				k.Key = place + "." + k.Key
				out = append(out, k)
			}
		}
	}
	return out
}

var secretType = reflect.TypeFor[conf.Secret]()

// findSecrets notes the secrets below v by their keys: the tree of an entry shows only where they come from.
func findSecrets(v reflect.Value, key string, out map[string]string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			findSecrets(v.Elem(), key, out)
		}
	case reflect.Struct:
		if v.Type() == secretType {
			if s, ok := v.Interface().(conf.Secret); ok && !s.IsZero() {
				out[key] = s.Reveal()
			}
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("toml") != "-" {
				findSecrets(v.Field(i), join(key, f), out)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			findSecrets(v.Index(i), fmt.Sprintf("%s[%d]", key, i), out)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			findSecrets(v.MapIndex(k), strings.TrimPrefix(key+"."+conf.Path{k.String()}.String(), "."), out)
		}
	}
}

// join is the key of a field; those of an embedded struct stand beside it.
func join(key string, f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	if name == "" {
		return key
	}
	return strings.TrimPrefix(key+"."+name, ".")
}
