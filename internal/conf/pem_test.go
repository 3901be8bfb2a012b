package conf

import (
	"encoding/pem"
	"strings"
	"testing"
)

func TestPEMThatIsCutIsNotTakenForWhole(t *testing.T) {
	block := func(kind string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(strings.Repeat("weir", 40))}))
	}
	a, b := block("CERTIFICATE"), block("PRIVATE KEY")
	for _, c := range []struct{ name, text, want string }{
		{"one", a, ""},
		{"two", a + b, ""},
		{"two with words around", "subject=a\n" + a + "\nsubject=b\n" + b + "end\n", ""},
		{"lines that end as on Windows", strings.ReplaceAll(a+b, "\n", "\r\n"), ""},
		{"none", "hello", ""},
		{"nothing", "", ""},
		{"words that only look like it", "see -----BEGIN CERTIFICATE----- below\n" + a, ""},
		{"the only one is cut", a[:90], "block 1 is cut or damaged"},
		{"the second is cut in the middle", a + b[:90], "block 2 is cut or damaged"},
		{"the second is cut in its first line", a + "-----BEGIN CERT", "block 2 is cut or damaged"},
		{"the second is cut before its last line", a + b[:strings.Index(b, "-----END")], "block 2 is cut or damaged"},
		{"the first is cut, another follows", a[:90] + "\n" + b, "block 1 is cut or damaged"},
		{"the second is not base64", a + strings.Replace(b, "d2", "!!", 1), "block 2 is cut or damaged"},
		{"the second ends as another kind", a + strings.Replace(b, "END PRIVATE", "END PUBLIC", 1), "block 2 is cut or damaged"},
	} {
		got := ""
		if err := WholePEM([]byte(c.text)); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzWholePEM: what is written by encoding/pem is whole, and no text hangs.
func FuzzWholePEM(f *testing.F) {
	f.Add([]byte("-----BEGIN A-----\nd2VpcndlaXI=\n-----END A-----\n"))
	f.Add([]byte("-----BEGIN A-----\nd2Vpcn"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_ = WholePEM(text)
		if err := WholePEM(pem.EncodeToMemory(&pem.Block{Type: "A", Bytes: text})); err != nil {
			t.Error(err)
		}
	})
}
