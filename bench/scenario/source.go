package scenario

import (
	"fmt"
	"strings"

	"weir/internal/conf"
	"weir/internal/tomlfile"
)

// source is the text of the scenario file, for places within a value.
type source struct {
	text   []byte
	root   *tomlfile.Node
	report *tomlfile.Report
}

// within notes a problem with the bytes from start to end of the decoded text at path.
func (s *source) within(path conf.Path, start, end int, text, hint string) {
	at, key := s.root.Locate(path)
	s.report.Note(tomlfile.Finding{At: s.narrow(at, path, start, end), Key: key, Text: text, Hint: hint})
}

// narrow returns the place of a part of a text, or the text's own where its spelling differs from what it means.
func (s *source) narrow(at tomlfile.Span, path conf.Path, start, end int) tomlfile.Span {
	n := find(s.root, path)
	if n == nil || n.Kind != tomlfile.String || at.Nowhere() || at != n.Val {
		return at
	}
	from := strings.Index(string(s.text[at.Start:at.End]), n.Text)
	if from < 0 || len(n.Text) == 0 {
		return at
	}
	from += at.Start
	return tomlfile.Span{File: at.File, Start: from + start, End: from + end}
}

// find returns the node at path, or nil. A value written without brackets is the first of its list.
func find(n *tomlfile.Node, path conf.Path) *tomlfile.Node {
	for _, k := range path {
		switch {
		case n == nil:
			return nil
		case !strings.HasPrefix(k, "["):
			n = n.Get(k)
			continue
		}
		i, list := 0, n.List()
		if _, err := fmt.Sscanf(k, "[%d]", &i); err != nil || i >= len(list) {
			return nil
		}
		n = list[i]
	}
	return n
}
