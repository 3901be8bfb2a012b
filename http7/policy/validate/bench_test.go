package validate_test

import (
	"testing"

	"weir/http7"
)

// BenchmarkAdmitted is what a request that is as described costs.
func BenchmarkAdmitted(b *testing.B) {
	s := compile(b, orders, nil)[0]
	for _, c := range []struct{ name, ask, body string }{
		{"parameters", "GET /v1/orders?page=2&tags=a&tags=b", ""},
		{"path", "GET /v1/orders/" + id, ""},
		{"body", "POST /v1/orders", good},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := &http7.Exchange{Conn: &http7.Conn{}}
			b.ReportAllocs()
			for b.Loop() {
				x.Release()
				fill(x, c.ask, c.body, jsonType)
				if f := ask(&s, x, c.body); f != nil {
					b.Fatal(told(x, f))
				}
			}
		})
	}
}

// BenchmarkCompile is what a document costs when a config is loaded.
func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		compile(b, orders, nil)
	}
}

func TestARequestAllocatesLittle(t *testing.T) {
	s := compile(t, orders, nil)[0]
	for ask1, most := range map[string]float64{"GET /v1/orders/latest": 8, "GET /v1/orders?page=2": 40} {
		x := &http7.Exchange{Conn: &http7.Conn{}}
		n := testing.AllocsPerRun(100, func() {
			x.Release()
			fill(x, ask1, "")
			if f := ask(&s, x, ""); f != nil {
				t.Fatal(told(x, f))
			}
		})
		if n > most {
			t.Errorf("%s: %v allocations, want at most %v", ask1, n, most)
		}
	}
}

func FuzzRequest(f *testing.F) {
	s := compile(f, orders, nil)[0]
	f.Add("GET", "/v1/orders", "page=1&filter[min]=2", "application/json", "X-Sizes: 1", []byte(nil))
	f.Add("POST", "/v1/orders", "", "application/json", "Content-Encoding: gzip", []byte(gzipped(f, good)))
	f.Add("POST", "/v1/forms", "", "multipart/form-data; boundary=x", "A: b", []byte("--x\r\nContent-Disposition: form-data; name=name\r\n\r\na\r\n--x--\r\n"))
	f.Add("POST", "/v1/forms", "", "application/x-www-form-urlencoded", "A: b", []byte("name=a&sizes=1+2"))
	f.Add("GET", "/v1/matrix/;x=1;y=2/.3", "", "", "Cookie: sid=%zz", []byte(nil))
	f.Fuzz(func(t *testing.T, method, path, query, contentType, field string, body []byte) {
		x := request(method+" "+path+"?"+query, string(body), "Content-Type: "+contentType, field)
		fault := ask(&s, x, string(body))
		if fault != nil && x.Cause == nil {
			t.Fatalf("%v without a cause", fault)
		}
	})
}
