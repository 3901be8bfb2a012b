package content

import (
	"fmt"
	"strings"
	"testing"
)

func TestValuesInXML(t *testing.T) {
	for _, c := range []struct{ path, body, want string }{
		{"/order/type", `<order><type>refund</type></order>`, "refund"},
		{"/order/type", `<?xml version="1.0" encoding="UTF-8"?>` + "\n<order>\n <type>\n refund </type>\n</order>\n", "refund"},
		{"/order/type", `<o:order xmlns:o="urn:o"><o:type>a</o:type></o:order>`, "a"},
		{"/order/type", `<order><type>a</type><x/><type>b</type></order>`, "a,b"},
		{"/order/type", `<Order><type>a</type></Order>`, ""},
		{"/order/type", `<order type="a"/>`, ""},
		{"/order/type", `<order><a><type>a</type></a></order>`, ""},
		{"/order/type", `<order><type/></order>`, ""},
		{"/order/type", `<order><type>a &lt; b &#65;<![CDATA[<c>]]></type></order>`, "a < b A<c>"},
		{"/order/type", `<order><type>re<!-- -->fund</type></order>`, "{}"},
		{"/order/type", `<order><type>re<?pi?>fund</type></order>`, "{}"},
		{"/order/type", `<order><type>re<b/>fund</type></order>`, "{}"},
		{"/order", `<order><type>a</type></order>`, "{}"},
		{"/order", `<order>a</order>`, "a"},
		{"/order/@type", `<order type="a"/>`, "a"},
		{"/order/@type", `<order o:type="a" xmlns:o="urn:o"/>`, "a"},
		{"/order/@type", `<order><a type="b"/></order>`, ""},
		{"/order/*/@id", `<order><a id="1"/><b id="2"><c id="3"/></b></order>`, "1,2"},
		{"/order/*", `<order><a>1</a><b>2</b></order>`, "1,2"},
		{"/*/type", `<order><type>a</type></order>`, "a"},
		{"/order/@o", `<order xmlns:o="urn:o"/>`, ""},
		{"/order/@xmlns", `<order xmlns="urn:o"/>`, ""},

		{"/order/type", "\ufeff<order><type>a</type></order>", "a"},
		{"/order/type", "\ufeff\ufeff<order><type>a</type></order>", "broken"},
		{"/*/*", `<a><b>1</b><c><b>2</b></c><b>3</b><c><b>4</b></c></a>`, "1,{},3"},
		{"/*/*/*", `<a><c><b>2</b></c><c>x<b>4</b></c><c><b>5</b></c></a>`, "2,4,5"},
		{"/order/@z", "<order" + attributes(255) + ` z=">"/>`, ">"},
		{"/order/@z", "<order" + attributes(256) + ` z=">"/>`, "broken"},
		{"/order/a", "<order><!-- it's <a" + attributes(300) + "--><![CDATA[<a b='" + attributes(300) + "]]><?pi <a '" + attributes(300) + "?><a>1</a></order>", "1"},
		{"/order/a", `<order>` + strings.Repeat(`it's a="b" `, 300) + `<a>1</a></order>`, "1"},
		{"/order", `<order a="` + strings.Repeat("'", 600) + `">1</order>`, "1"},

		{"/order", ``, "broken"},
		{"/order", `<order a="1" `, "broken"},
		{"/order", `<order a="1`, "broken"},
		{"/order", `text`, "broken"},
		{"/order", `<order>`, "broken"},
		{"/order", `<order></type>`, "broken"},
		{"/order", `<order/><order/>`, "broken"},
		{"/order", `<order/>text`, "broken"},
		{"/order", `text<order/>`, "broken"},
		{"/order", `<order a=b/>`, "broken"},
		{"/order", `<order>&nbsp;</order>`, "broken"},
		{"/order", `<!DOCTYPE order [<!ENTITY a "b">]><order>&a;</order>`, "broken"},
		{"/order", `<!DOCTYPE order SYSTEM "http://example.com/dtd"><order/>`, "broken"},
		{"/order", `<?xml version="1.0" encoding="UTF-16"?><order/>`, "broken"},
		{"/order", "<order>\xff</order>", "broken"},
		{"/order", strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65), "broken"},
		{"/order", strings.Repeat("<a>", 100_000), "broken"},
		{"/order", strings.Repeat("<a>", 64) + strings.Repeat("</a>", 64), ""},
	} {
		if got := read(t, c.path, c.body); got != c.want {
			t.Errorf("%s of %.100s is %q, want %q", c.path, c.body, got, c.want)
		}
	}
}

// attributes returns that many, each with another name.
func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d='"%d"'`, i, i)
	}
	return b.String()
}

// FuzzXML sees to it that whatever is read holds what a path to anything finds, and that a body means the
// same with white space around it.
func FuzzXML(f *testing.F) {
	for _, s := range []string{`<a b="c"><d>e</d></a>`, `<a>x<!-- y -->z</a>`, `<!DOCTYPE a><a/>`, `<a:b xmlns:a="c"/>`, `<a>&#x41;&amp;</a>`, `<a><![CDATA[<]]></a>`, `</a>`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got := read(t, "/*/*", body)
		if !strings.HasPrefix(body, "<?xml") && read(t, "/*/*", "\n"+body+" ") != got {
			t.Fatalf("%q reads %q, and something else with blanks around it", body, got)
		}
		if got == "broken" {
			return
		}
		if root := read(t, "/*", body); root == "broken" || got != "" && root != "{}" {
			t.Fatalf("%q has %q inside and the root %q", body, got, root)
		}
	})
}
