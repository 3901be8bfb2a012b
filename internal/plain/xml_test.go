package plain_test

import (
	"strings"
	"testing"

	"weir/internal/plain"
)

func TestXMLIsReadStrictly(t *testing.T) {
	for text, want := range map[string]error{
		`<a/>`:        nil,
		"<a>\n</a>\n": nil,
		`<?xml version="1.0" encoding="UTF-8"?><a b="c">ü<!-- x --><![CDATA[<]]></a>`:            nil,
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>`: nil,
		`<a>&amp;&#65;</a>`:         nil,
		``:                          plain.ErrNotXML,
		`text`:                      plain.ErrNotXML,
		`<a>`:                       plain.ErrNotXML,
		`</a>`:                      plain.ErrNotXML,
		`<a></b>`:                   plain.ErrNotXML,
		`<a/><b/>`:                  plain.ErrNotXML,
		`<a b=c/>`:                  plain.ErrNotXML,
		`<a>&x;</a>`:                plain.ErrNotXML,
		"<a>\xff</a>":               plain.ErrNotXML,
		`<a><b><c><d/></c></b></a>`: plain.ErrDeep,
		`<?xml version="1.0" encoding="UTF-16"?><a/>`:                              plain.ErrNotXML,
		`<!DOCTYPE a SYSTEM "http://evil.example/x.dtd"><a/>`:                      plain.ErrDoctype,
		`<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`:         plain.ErrDoctype,
		`<!DOCTYPE a [<!ENTITY x "y">]><a>` + strings.Repeat("&x;", 1000) + `</a>`: plain.ErrDoctype,
	} {
		if err := plain.XML([]byte(text), 3, nil); err != want {
			t.Errorf("%.60s: %v, want %v", text, err, want)
		}
	}
}

func TestAttributesOfXMLAreTold(t *testing.T) {
	const text = `<?xml version="1.0"?><s:a xmlns:s="urn:s" xmlns="urn:a" b="1 &lt; &#50;"><c s:d='"'/><!-- e="f" --><![CDATA[<g h="i"/>]]></s:a>`
	var got []string
	if err := plain.XML([]byte(text), 3, func(name, value string) { got = append(got, name+"="+value) }); err != nil {
		t.Fatal(err)
	}
	if want := `b=1 < 2, d="`; strings.Join(got, ", ") != want {
		t.Errorf("%s; want %s", strings.Join(got, ", "), want)
	}
}

func FuzzXML(f *testing.F) {
	for _, s := range []string{`<a b="c">d</a>`, `<!DOCTYPE a><a/>`, `<a></b>`, `<?xml version="1.0"?><a/>`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := plain.XML(text, 8, func(string, string) {}); err == nil && strings.Contains(string(text), "<!DOCTYPE") && !strings.Contains(string(text), "<![CDATA[") && !strings.Contains(string(text), "<!--") && !strings.Contains(string(text), "<?") {
			t.Fatalf("%q has a document type", text)
		}
	})
}
