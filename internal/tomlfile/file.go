package tomlfile

import (
	"bytes"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"
)

// File is one text, for placing findings. It is not changed after NewFile but for masked spans.
type File struct {
	// Name is how the operator named it.
	Name string

	order  int // findings of a file loaded earlier come first
	text   []byte
	lines  []int // offset of each line's first byte
	masked []Span
}

// NewFile returns a file of the given text. order sorts its findings among those of other files.
func NewFile(name string, text []byte, order int) *File {
	// A byte order mark is no part of the text (RFC 3629 §6).
	f := &File{Name: name, order: order, text: bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))}
	f.lines = append(f.lines, 0)
	for i, c := range f.text {
		if c == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	f.maskSecrets()
	return f
}

// maskSecrets masks what [secretLike] finds, line by line: no match spans lines, and most lines need
// no look at all.
func (f *File) maskSecrets() {
	for i, from := range f.lines {
		to := len(f.text)
		if i+1 < len(f.lines) {
			to = f.lines[i+1] - 1
		}
		if !mayBeSecret(f.text[from:to]) {
			continue
		}
		for _, m := range secretLike.FindAllSubmatchIndex(f.text[from:to], -1) {
			f.mask(Span{f, from + m[2], from + m[3]})
		}
	}
}

// mayBeSecret reports whether a line holds one of the words of [secretLike], or letters of which some
// count as ASCII letters there.
func mayBeSecret(line []byte) bool {
	for i, c := range line {
		if c >= 0x80 {
			return true
		}
		word := ""
		switch c | 0x20 {
		case 't':
			word = "token"
		case 's':
			word = "secret"
		case 'p':
			word = "passw"
		}
		if word != "" && len(line)-i >= len(word) && strings.EqualFold(string(line[i:i+len(word)]), word) {
			return true
		}
	}
	return false
}

// secretLike finds the texts behind keys that sound like secrets. They are masked before anything
// is known of the file's structure, for a key may be misspelt, out of place or behind an error.
var secretLike = regexp.MustCompile(`(?im)[\w-]*(?:token|secret|passw)[\w-]*["']?[ \t]*=[ \t]*("[^"\n]*"?|'[^'\n]*'?|[^\s"'{\[#][^\n#]*)`)

// Span is a run of bytes in a file. The zero Span is nowhere.
type Span struct {
	File       *File
	Start, End int
}

// Nowhere reports whether s is no place, as of a default value.
func (s Span) Nowhere() bool { return s.File == nil }

// Position returns the line and column of the span's start, both from 1; the column counts
// characters.
func (s Span) Position() (line, column int) {
	if s.Nowhere() {
		return 0, 0
	}
	line = sort.SearchInts(s.File.lines, s.Start+1)
	return line, 1 + utf8.RuneCount(s.File.text[s.File.lines[line-1]:s.Start])
}

// before orders spans by file, then by place.
func (s Span) before(t Span) bool {
	switch {
	case s.Nowhere() || t.Nowhere():
		return s.Nowhere() && !t.Nowhere()
	case s.File.order != t.File.order:
		return s.File.order < t.File.order
	}
	return s.Start < t.Start
}

// lineOf returns the bounds of the line that holds offset, without its end.
func (f *File) lineOf(offset int) (start, end int) {
	i := sort.SearchInts(f.lines, offset+1) - 1
	start, end = f.lines[i], len(f.text)
	if i+1 < len(f.lines) {
		end = f.lines[i+1] - 1
	}
	if end > start && f.text[end-1] == '\r' {
		end--
	}
	return start, end
}

// mask keeps a span's text from being printed: it is a secret.
func (f *File) mask(s Span) {
	for _, m := range f.masked {
		if m == s {
			return
		}
	}
	f.masked = append(f.masked, s)
}
