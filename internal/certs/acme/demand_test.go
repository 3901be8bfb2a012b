package acme

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// demanding allows any name below shop.test.
func demanding(max int) *Config {
	return &Config{OnDemand: &OnDemand{Hosts: []string{"*.shop.test"}, Max: max}}
}

func TestManyClientsOfANewHostCauseOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		k := f.keeper(t, demanding(10))
		run(t, k)
		var served atomic.Int32
		for range 50 {
			go func() {
				if c, err := k.demand(t.Context(), "one.shop.test"); err == nil && c.Leaf.DNSNames[0] == "one.shop.test" {
					served.Add(1)
				}
			}()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if served.Load() != 50 || len(f.tries) != 1 {
			t.Errorf("%d of 50 are served after %d attempts", served.Load(), len(f.tries))
		}
	})
}

func TestAClientWaitsNoLongerThanItsHandshakeOrHalfAMinute(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{10 * time.Second: 10 * time.Second, time.Hour: demandWait} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.takes = 45 * time.Second
			k := f.keeper(t, demanding(10))
			run(t, k)
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			began := time.Now()
			if _, err := k.demand(ctx, "one.shop.test"); err == nil || time.Since(began) != want {
				t.Errorf("limit %v: %v after %v", limit, err, time.Since(began))
			}
			time.Sleep(time.Minute) // the attempt went on
			if _, err := k.demand(ctx, "one.shop.test"); err != nil {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

func TestAHostOnDemandThatFailedIsNotTriedByEveryClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.trouble = errors.New("no route to host")
		k := f.keeper(t, demanding(10))
		run(t, k)
		for range 100 {
			_, err := k.demand(t.Context(), "one.shop.test")
			if err == nil || !strings.Contains(err.Error(), "one.shop.test") {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(f.tries); n < 3 || n > 5 { // within 10 s, in growing pauses
			t.Errorf("%d attempts: %v", n, f.tries)
		}
		before := len(f.tries)
		time.Sleep(time.Hour)
		if n := len(f.tries); n != before {
			t.Errorf("%d attempts without a client", n-before)
		}
		time.Sleep(7 * time.Hour)
		synctest.Wait()
		if len(k.Hosts()) != 0 {
			t.Errorf("it is still remembered: %+v", k.Hosts())
		}
	})
}

func TestHostsOnDemandAreBoundedAndThoseThatFailedMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		k := f.keeper(t, demanding(3))
		run(t, k)
		f.trouble = errors.New("nobody there")
		for i := range 10 {
			if _, err := k.demand(t.Context(), fmt.Sprintf("junk%d.shop.test", i)); err == nil {
				t.Error("junk is served")
			}
			if n := len(k.Hosts()); n > 3 {
				t.Errorf("%d hosts are held", n)
			}
		}
		f.change(func() { f.trouble = nil })
		for i := range 3 {
			if _, err := k.demand(t.Context(), fmt.Sprintf("good%d.shop.test", i)); err != nil {
				t.Error(err)
			}
		}
		if _, err := k.demand(t.Context(), "good3.shop.test"); err == nil || !strings.Contains(err.Error(), "3 hosts") {
			t.Errorf("a fourth gets %v", err)
		}
	})
}

func TestAHostOnDemandIsRenewedWhileItIsAskedForAndDroppedThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.deaf = errSilent
		k := f.keeper(t, demanding(3))
		run(t, k)
		for range 100 { // days
			if _, err := k.demand(t.Context(), "one.shop.test"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(day)
		}
		if len(f.tries) != 2 {
			t.Errorf("%d certificates in 100 days", len(f.tries))
		}
		time.Sleep(100 * day)
		synctest.Wait()
		if len(f.tries) > 3 || len(k.Hosts()) != 0 {
			t.Errorf("%d certificates, hosts %+v", len(f.tries), k.Hosts())
		}
		// What the storage still has has expired.
		if c, err := k.demand(t.Context(), "one.shop.test"); err != nil || !time.Now().Before(c.Leaf.NotAfter) {
			t.Errorf("who comes back gets %v", err)
		}
	})
}

func TestListedHostsAreNeverObtainedOnDemand(t *testing.T) {
	f := newFake()
	c := demanding(3)
	c.Hosts = []string{"one.shop.test"}
	k := f.keeper(t, c)
	if k.Handles("one.shop.test") != true || k.Handles("two.shop.test") != true || k.Handles("shop.test") {
		t.Error("it does not handle what it should")
	}
	h := (*k.hosts.Load())["one.shop.test"]
	if h.demanded {
		t.Error("a listed host counts as demanded")
	}
}
