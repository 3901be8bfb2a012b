package rule

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"testing"
)

// body puts segments together.
func body(segments []Segment, stored []byte) []byte {
	var b []byte
	for _, s := range segments {
		if s.Literal != nil {
			b = append(b, s.Literal...)
		} else {
			b = append(b, stored[s.Span.From:s.Span.To]...)
		}
	}
	return b
}

func TestPartsAreLaidOutAsMultipart(t *testing.T) {
	stored := bytes.Repeat([]byte("0123456789"), 1000)
	var r Ranges
	if r.Parse([]byte("bytes=7000-7999,-5"), 10000) != Partial {
		t.Fatal("no parts")
	}
	segments, total := r.Multipart(nil, []byte("application/pdf"), []byte("SEP"), 10000)
	want := "--SEP\r\nContent-Type: application/pdf\r\nContent-Range: bytes 7000-7999/10000\r\n\r\n" + string(stored[7000:8000]) +
		"\r\n--SEP\r\nContent-Type: application/pdf\r\nContent-Range: bytes 9995-9999/10000\r\n\r\n56789\r\n--SEP--\r\n"
	if got := string(body(segments, stored)); got != want || total != int64(len(want)) {
		t.Errorf("RFC 9110 14.6: %d bytes\n%s\nwant %d bytes\n%s", total, got, len(want), want)
	}
}

func TestAnotherParserReadsTheParts(t *testing.T) {
	stored := bytes.Repeat([]byte("0123456789"), 1000)
	boundary := AppendBoundary(nil, [16]byte{0, 1, 0xab, 15: 0xff})
	if string(boundary) != "0001ab000000000000000000000000ff" {
		t.Errorf("the boundary is %s", boundary)
	}
	_, params, err := mime.ParseMediaType(string(AppendMultipartType(nil, boundary)))
	if err != nil || params["boundary"] != string(boundary) {
		t.Fatalf("boundary %q, %v", params["boundary"], err)
	}
	for _, c := range []struct {
		ranges, contentType string
	}{{"bytes=0-0,500-600,-1", "text/plain"}, {"bytes=9000-9100,100-5000", ""}} {
		var r Ranges
		r.Parse([]byte(c.ranges), 10000)
		var kind []byte
		if c.contentType != "" {
			kind = []byte(c.contentType)
		}
		segments, total := r.Multipart(nil, kind, boundary, 10000)
		text := body(segments, stored)
		if int64(len(text)) != total {
			t.Errorf("%s: %d bytes, said %d", c.ranges, len(text), total)
		}
		parts := multipart.NewReader(bytes.NewReader(text), string(boundary))
		for _, s := range r.Spans() {
			p, err := parts.NextRawPart()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(p)
			if err != nil || !bytes.Equal(got, stored[s.From:s.To]) {
				t.Errorf("%s: part %d-%d has %d bytes, %v", c.ranges, s.From, s.To-1, len(got), err)
			}
			if at := p.Header.Get("Content-Range"); at != fmt.Sprintf("bytes %d-%d/10000", s.From, s.To-1) {
				t.Errorf("%s: Content-Range is %q", c.ranges, at)
			}
			if p.Header.Get("Content-Type") != c.contentType {
				t.Errorf("%s: Content-Type is %q", c.ranges, p.Header.Get("Content-Type"))
			}
		}
		if _, err := parts.NextPart(); err != io.EOF {
			t.Errorf("%s: then %v, want the end", c.ranges, err)
		}
	}
}
