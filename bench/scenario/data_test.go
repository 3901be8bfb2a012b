package scenario

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"weir/internal/tomlfile"
)

// rowsOf lists what a table holds.
func rowsOf(t *table) string {
	var rows []string
	for row := range t.rows {
		var values []string
		for i := range t.columns {
			values = append(values, fmt.Sprintf("%q", t.value(row, i)))
		}
		rows = append(rows, strings.Join(values, ","))
	}
	return strings.Join(t.columns, ",") + ": " + strings.Join(rows, "; ")
}

func TestDataFilesAreRead(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"id\n1\n", `id: "1"`},
		{"id\n1", `id: "1"`},
		{"id,name\r\n1,a\r\n2,b\r\n", `id,name: "1","a"; "2","b"`},
		{"\xef\xbb\xbfid\n1\n", `id: "1"`},
		{"\n\nid,name\n\n1,a\n\n", `id,name: "1","a"`},
		{"id,name\n1,\n,a\n", `id,name: "1",""; "","a"`},
		{"id\n\"\"\n", `id: ""`},
		{"id\n\"a,\"\"b\"\"\nc\"\n", `id: "a,\"b\"\nc"`},
		{"a-b,c_d,E9\n1, 2,3 \n", `a-b,c_d,E9: "1"," 2","3 "`},
		{"id\nä€😀\n", `id: "ä€😀"`},
	} {
		r := &tomlfile.Report{}
		got := loadTable("x.csv", "data.x", []byte(c.text), 1, r)
		if r.Failed() || rowsOf(got) != c.want {
			t.Errorf("%q gave %s, want %s\n%s", c.text, rowsOf(got), c.want, r)
		}
	}
}

func TestDataFilesThatAreWrongHaveTheirPlace(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "x.csv:1:1: data.x: the file is empty"},
		{"\n\n", "x.csv:1:1: data.x: the file is empty"},
		{"id\n", "x.csv:1:1: data.x: the file has no rows"},
		{"id,id\n1,2\n", `x.csv:1:4: data.x: there are two columns "id"`},
		{"id,\n1,2\n", `x.csv:1:4: data.x: "" is no name for a column`},
		{"id,ä\n1,2\n", `x.csv:1:4: data.x: "ä" is no name for a column`},
		{"id,a.b\n1,2\n", `x.csv:1:4: data.x: "a.b" is no name for a column`},
		{"id,name\n1\n", "x.csv:2:1: data.x: the row has 1 value, the first line names 2 columns"},
		{"id\n1\n2,3\n", "x.csv:3:1: data.x: the row has 2 values, the first line names 1 column"},
		{"id\n\"1\n2\n", `x.csv:4:1: data.x: not CSV: extraneous or missing " in quoted-field`},
		{"id\n\"1\"x\n", `x.csv:2:3: data.x: not CSV: extraneous or missing " in quoted-field`},
		{"\"id\n", `not CSV: extraneous or missing " in quoted-field`},
		{"id\nä\n\xff\n", "x.csv:3:1: data.x: the file is not UTF-8"},
	} {
		r := &tomlfile.Report{}
		got := loadTable("x.csv", "data.x", []byte(c.text), 1, r)
		if !got.broken || !strings.Contains(r.String(), c.want) {
			t.Errorf("%q: %s\nwant %s", c.text, r, c.want)
		}
	}
}

func TestWhatAWriterWritesIsRead(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var want [][]string
		var file bytes.Buffer
		w := csv.NewWriter(&file)
		width := 1 + random.IntN(4)
		header := []string{"a", "b", "c", "d"}[:width]
		if err := w.Write(header); err != nil {
			t.Fatal(err)
		}
		for range 1 + random.IntN(10) {
			row := make([]string, width)
			for i := range row {
				// A reader takes \r\n within quotes for \n (package csv).
				row[i] = "x" + strings.ReplaceAll(anyText(random), "\r", "")
			}
			want = append(want, row)
			if err := w.Write(row); err != nil {
				t.Fatal(err)
			}
		}
		w.Flush()
		r := &tomlfile.Report{}
		got := loadTable("x.csv", "data.x", file.Bytes(), 1, r)
		if r.Failed() || got.rows != len(want) {
			t.Fatalf("%d rows, want %d\n%s", got.rows, len(want), r)
		}
		for i, row := range want {
			for j, v := range row {
				if got.value(i, j) != v {
					t.Fatalf("row %d, column %d is %q, want %q", i, j, got.value(i, j), v)
				}
			}
		}
	}
}

func TestManyWrongRowsAreShownInPart(t *testing.T) {
	r := &tomlfile.Report{}
	loadTable("x.csv", "data.x", []byte("id,name\n"+strings.Repeat("1\n", 50)), 1, r)
	if n := len(r.Findings()); n != mostShown+1 {
		t.Errorf("%d problems are shown", n)
	}
	if !strings.Contains(r.String(), "47 more rows have problems") {
		t.Errorf("report:\n%s", r)
	}
}

func TestAFileOfWrongRowsIsRefusedSoon(t *testing.T) {
	// The place of each wrong row was looked for from the start of the file, whether it was shown or not: a file of
	// 100,000 took most of a minute.
	text := "id,name\n" + strings.Repeat("some text without a comma\n", 100_000)
	r := &tomlfile.Report{}
	from := time.Now()
	loadTable("x.csv", "data.x", []byte(text), 1, r)
	if took := time.Since(from); took > 20*time.Second || !strings.Contains(r.String(), "99997 more rows have problems") {
		t.Errorf("after %v:\n%s", took, r)
	}
}
