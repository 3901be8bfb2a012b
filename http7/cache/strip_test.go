package cache

import (
	"slices"
	"strings"
	"testing"

	"weir/http7"
)

func TestWhatMisleadsIsTakenAwayInEverySpelling(t *testing.T) {
	for name := range misleading {
		for _, spelt := range []string{name, strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ToUpper(name[:1]) + name[1:]} {
			if !misleads([]byte(spelt)) {
				t.Errorf("%s passes", spelt)
			}
		}
		if len(name) > longestMisleading || http7.LookupID([]byte(name)) != http7.Unlisted {
			t.Errorf("%s is never compared", name)
		}
	}
	for _, name := range []string{"X-Host2", "X-Hos", "Accept", "X-Original-URL-Is-A-Name-That-Is-Far-Too-Long", "x", ""} {
		if misleads([]byte(name)) {
			t.Errorf("%s does not pass", name)
		}
	}
}

func TestStrippingLeavesTheRestInItsOrder(t *testing.T) {
	k := keyedBy([]string{keyHost, keyPath, "header:X-Base-Path"})
	for _, c := range []struct {
		secure  bool
		in, out string
	}{
		{false, "Accept: a\nX-Host: b\nX-A: c\nx_host: d\nX-B: e", "Accept: a\nX-A: c\nX-B: e"},
		{false, "X-Base-Path: a\nX-Script-Name: b", "X-Base-Path: a"},
		{true, "X-Forwarded-Proto: http\nX-A: b", "X-Forwarded-Proto: https\nX-A: b"},
		{false, "X-Forwarded-Proto: https\nX-Forwarded-Proto: http", "X-Forwarded-Proto: http"},
		{false, "X-Forwarded-For: 192.0.2.1\nForwarded: host=a\nX-Forwarded-Port: 1\nX-Forwarded-Host: b", "X-Forwarded-For: 192.0.2.1"},
		{false, "", ""},
	} {
		p := &policy{key: k}
		x := &http7.Exchange{Secure: c.secure}
		addFields(&x.Request, c.in)
		p.strip(x)
		var got []string
		for name, value := range x.Request.All() {
			got = append(got, string(name)+": "+string(value))
		}
		if !slices.Equal(got, strings.FieldsFunc(c.out, func(r rune) bool { return r == '\n' })) {
			t.Errorf("%q: %q, want %q", c.in, got, c.out)
		}
	}
}

func TestSightsForgetNothing(t *testing.T) {
	c := newBareWorld(t, nil, pages).c
	for i := range 5000 {
		url := []byte(strings.Repeat("x", i%50) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)))
		if c.sights.add(url); !c.sights.has(url) {
			t.Fatalf("%q is not there", url)
		}
	}
	by := 0
	for i := range 5000 {
		if c.sights.has([]byte("never " + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)))) {
			by++
		}
	}
	if by > 100 { // of 2 Mi places 5000 are taken
		t.Errorf("%d are there by chance", by)
	}
}

func TestARangeBehindTheLargestObjectIsSeen(t *testing.T) {
	p := &policy{}
	p.rules.MaxObject = 1000
	for value, want := range map[string]bool{
		"bytes=1000-": true, "bytes=1000-1001": true, "bytes=99999999999999999999999-": true, "bytes=5000-, 0-1": true,
		"bytes=999-": false, "bytes=0-5000": false, "bytes=-5000": false, "bytes=": false, "lines=5000-": false, "5000-": false, "": false,
	} {
		var h http7.Header
		addFields(&h, "Range: "+value)
		if got := p.beyond(&h); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
