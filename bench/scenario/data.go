package scenario

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir/internal/conf"
	"weir/internal/tomlfile"
)

// table is a data file in memory: its values in one text, row by row. It does not change after loading.
type table struct {
	file    string
	columns []string
	rows    int
	text    string
	ends    []uint32 // of each value in text
	random  bool
	site    uint64
	broken  bool // a problem is reported
}

// value returns the value at a row and column.
func (t *table) value(row, column int) string {
	i := row*len(t.columns) + column
	start := uint32(0)
	if i > 0 {
		start = t.ends[i-1]
	}
	return t.text[start:t.ends[i]]
}

// mostShown is how many problems of one data file are shown.
const mostShown = 3

// csvReader reads one data file and notes what is wrong with it.
type csvReader struct {
	table  *table
	key    string
	text   []byte
	file   *tomlfile.File // made at the first problem
	order  int
	report *tomlfile.Report
	shown  int
	more   int
}

// loadTable reads a data file; order sorts its problems behind those of other files. A table with a problem is broken.
func loadTable(path, key string, text []byte, order int, r *tomlfile.Report) *table {
	c := &csvReader{table: &table{file: path}, key: key, text: bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), order: order, report: r}
	c.read()
	if c.more > 0 {
		c.report.Note(tomlfile.Finding{At: tomlfile.Span{File: c.file, Start: len(c.text), End: len(c.text)}, Key: key,
			Text: fmt.Sprintf("%d more rows have problems", c.more)})
	}
	return c.table
}

// fail notes a problem at an offset of the file.
func (c *csvReader) fail(start, end int, text, hint string) {
	c.table.broken = true
	if c.shown++; c.shown > mostShown {
		c.more++
		return
	}
	if c.file == nil {
		c.file = tomlfile.NewFile(c.table.file, c.text, c.order)
	}
	c.report.Note(tomlfile.Finding{At: tomlfile.Span{File: c.file, Start: start, End: end}, Key: c.key, Text: text, Hint: hint})
}

// offset turns a line and a column, both from 1 and in bytes, into an offset.
func (c *csvReader) offset(line, column int) int {
	at := 0
	for ; line > 1; line-- {
		i := bytes.IndexByte(c.text[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	return min(at+column-1, len(c.text))
}

func (c *csvReader) read() {
	for i, rest := 0, c.text; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 {
			c.fail(i, i+1, "the file is not UTF-8", "save it as UTF-8")
			return
		}
		i, rest = i+size, rest[size:]
	}
	if len(c.text) > math.MaxUint32 {
		c.fail(0, 0, "the file is larger than 4 GiB", "split it")
		return
	}
	in := csv.NewReader(bytes.NewReader(c.text))
	in.FieldsPerRecord, in.ReuseRecord = -1, true
	if c.header(in) {
		c.records(in)
	}
}

// header reads the names of the columns.
func (c *csvReader) header(in *csv.Reader) bool {
	names, err := in.Read()
	if err == io.EOF {
		c.fail(0, 0, "the file is empty", "the first line names the columns, such as id,name")
		return false
	}
	if err != nil {
		c.syntax(err)
		return false
	}
	c.table.columns = slices.Clone(names)
	for i, name := range names {
		at := c.offset(in.FieldPos(i))
		switch {
		case !columnName(name):
			c.fail(at, at+len(name), strconv.Quote(name)+" is no name for a column", "the first line names the columns, in letters, digits, - and _, such as id,user_name")
		case slices.Contains(names[:i], name):
			c.fail(at, at+len(name), "there are two columns "+strconv.Quote(name), "give one of them another name")
		}
	}
	return !c.table.broken
}

func columnName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}

// records reads the rows.
func (c *csvReader) records(in *csv.Reader) {
	t := c.table
	var all strings.Builder
	for {
		row, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			c.syntax(err)
			return
		}
		if len(row) != len(t.columns) {
			if c.shown >= mostShown { // to find its place costs a look at all lines before
				c.more++
				continue
			}
			at := c.offset(in.FieldPos(0))
			c.fail(at, c.endOfLine(at), fmt.Sprintf("the row has %s, the first line names %s", count(len(row), "value"), count(len(t.columns), "column")), "")
			continue
		}
		for _, v := range row {
			all.WriteString(v)
			t.ends = append(t.ends, uint32(all.Len()))
		}
		t.rows++
	}
	t.text = all.String()
	if t.rows == 0 && !t.broken {
		c.fail(0, 0, "the file has no rows", "put at least one row behind the line with the names")
	}
}

func (c *csvReader) endOfLine(at int) int {
	if i := bytes.IndexAny(c.text[at:], "\r\n"); i >= 0 {
		return at + i
	}
	return len(c.text)
}

// syntax notes where the file is no CSV. What follows cannot be read.
func (c *csvReader) syntax(err error) {
	at, text := 0, err.Error()
	var p *csv.ParseError
	if errors.As(err, &p) {
		at, text = c.offset(p.Line, p.Column), p.Err.Error()
	}
	c.fail(at, min(at+1, len(c.text)), "not CSV: "+text, "put a value with commas, quotes or line ends in double quotes, and write a quote in it twice")
}

func names(data map[string]*table) []string { return slices.Sorted(maps.Keys(data)) }

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// dataName reports whether a template can name a table so.
func dataName(s string) bool { return columnName(s) }

// checkData notes what is wrong with a table's keys.
func (d *Data) check(name string, p *conf.Problems) {
	if !dataName(name) {
		p.AddKey("", strconv.Quote(name)+" is no name for a data table", "use letters, digits, - and _")
	}
	if d.File == "" {
		p.Add("file", "the data table has no file", `write file = "`+name+`.csv"`)
	}
	p.OneOf("order", d.Order, "an order", orderSequential, orderRandom)
}
