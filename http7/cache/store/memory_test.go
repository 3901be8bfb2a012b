package store

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkCollection is what a collection of garbage costs with 100,000 objects of 1 KiB in the store, and with the
// same in a map on the heap (docs/decisions/028-cache-memory.md).
func BenchmarkCollection(b *testing.B) {
	const n = 100_000
	b.Run("store", func(b *testing.B) {
		s, err := New(256 << 20)
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		head, body := make([]byte, 200), make([]byte, 1024)
		for i := range n {
			o := s.Draft(fmt.Appendf(nil, "http://origin.test/%08d", i), 0, nil, head, 1024, 1024)
			o.Write(body)
			o.Finish(nil)
			o.Release()
		}
		collect(b)
	})
	b.Run("map", func(b *testing.B) {
		type object struct{ key, head, body []byte }
		m := make(map[string]*object)
		for i := range n {
			key := fmt.Sprintf("http://origin.test/%08d", i)
			m[key] = &object{[]byte(key), make([]byte, 200), make([]byte, 1024)}
		}
		collect(b)
		runtime.KeepAlive(m)
	})
	b.Run("nothing", collect)
}

func collect(b *testing.B) {
	runtime.GC()
	b.ResetTimer()
	for range b.N {
		runtime.GC()
	}
}

func TestMemoryOfTheSystemReadsAsZeroWhenItWasIdle(t *testing.T) {
	var m memory
	p, ok := m.region()
	if !ok {
		t.Fatal("the system has no memory")
	}
	defer m.unmap(p)
	a := &arena{memory: m}
	defer a.close()
	unit, _ := a.alloc(blockUnits, 1)
	copy(a.bytes(unit, 5), "bytes")
	m.idle(a.at(unit), blockBytes)
	if got := a.bytes(unit, 5); string(got) != "\x00\x00\x00\x00\x00" {
		t.Errorf("it reads %q", got)
	}
}

func TestFreedBytesArePoisonedInTestsAlone(t *testing.T) {
	for _, poison := range []bool{false, true} {
		a := &arena{memory: memory{onHeap: true, poison: poison}}
		first, _ := a.alloc(4, 1)
		b := a.bytes(first, 4*unitBytes)
		copy(b[100:], "secret")
		a.release(first, 4)
		if got := b[100] == poisoned && b[105] == poisoned; got != poison {
			t.Errorf("with poison %v: %q", poison, b[100:106])
		}
	}
}
