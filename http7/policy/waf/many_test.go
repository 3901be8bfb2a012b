package waf_test

import (
	"sync"
	"testing"

	"weir/http7"
)

func TestOneEngineServesManyAtOnce(t *testing.T) {
	s := step(t, nil)
	ordinary := benign(len(kinds))
	var all sync.WaitGroup
	for who := range 4 {
		all.Go(func() {
			x := &http7.Exchange{Conn: &http7.Conn{}, Proto: http7.HTTP11}
			for i := range 10 {
				r := ordinary[(who*5+i)%len(ordinary)]
				x.Release()
				fill(x, r)
				if f := ask(s, x, r.body); f != nil {
					t.Errorf("%s %s: %v", r.method, r.target, f)
				}
				x.Release()
				fill(x, get(evil))
				if f := ask(s, x, ""); f == nil {
					t.Error("an attack passes")
				}
			}
		})
	}
	all.Wait()
}
