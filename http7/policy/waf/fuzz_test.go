package waf_test

import (
	"testing"
)

// FuzzInspect gives the engine whatever a client may send: it must neither panic nor pass what it has not read.
func FuzzInspect(f *testing.F) {
	s := step(f, nil)
	for _, r := range benign(len(kinds)) {
		f.Add(r.method, r.target, r.contentType, "", []byte(r.body))
	}
	f.Add("POST", "/?q=%", "multipart/form-data; boundary=x", "", []byte("--x\r\nContent-Disposition: form-data; name=q; filename*=UTF-8''%zz\r\n\r\n--x--"))
	f.Add("POST", "/", "application/json", "gzip", []byte("\x1f\x8b"))
	f.Add("POST", "/", "application/xml", "", []byte("<a b='c'/>"))
	f.Fuzz(func(t *testing.T, method, target, contentType, coding string, body []byte) {
		x := exchange(request{method: method, target: target, contentType: contentType, body: string(body), fields: []string{"Content-Encoding", coding}})
		fault := ask(s, x, string(body))
		if fault == nil && len(body) > 0 && coding == "compress" {
			t.Fatal("a body that nobody can read passes")
		}
		if fault != nil && x.Cause == nil && fault.Status != 413 {
			t.Fatalf("%v without a cause", fault)
		}
	})
}

// What Coraza allocates for a request is its own; this bounds what a change of it, or of ours, may add.
func TestARequestAllocatesNoMoreThanItDid(t *testing.T) {
	s := step(t, nil)
	r := benign(1)[0]
	x := exchange(r)
	n := testing.AllocsPerRun(20, func() {
		x.Release()
		fill(x, r)
		if f := ask(s, x, ""); f != nil {
			t.Fatal(f)
		}
	})
	if n > 4000 {
		t.Errorf("%v allocations, 2700 when it was written", n)
	}
}
