package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"math/big"
	"strings"
	"testing"
	"time"
)

// pair makes a certificate that ends when it should, and its key, in PEM.
func pair(t *testing.T, until time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "weir"}, NotBefore: until.Add(-time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bytes})
}

func TestCertificatesMustBeReadableAndMatchTheirKeys(t *testing.T) {
	future := time.Now().Add(time.Hour)
	cert, key := pair(t, future)
	_, other := pair(t, future)
	old, oldKey := pair(t, time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC))
	files := map[string][]byte{
		"/cert": cert, "/key": key, "/other": other, "/old": old, "/oldkey": oldKey, "/text": []byte("hello"),
		"/broken": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}),
	}
	o := testOptions()
	o.ReadFile = func(path string) ([]byte, error) {
		if b, ok := files[path]; ok {
			return b, nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	for _, c := range []struct{ cert, key, want string }{
		{"/cert", "/key", ""},
		{"/cert", "/other", `x:3:44: listeners.web.tls.certificates[0].key: "/other" is not the key of the certificate in "/cert"`},
		{"/none", "/key", `listeners.web.tls.certificates[0].cert: "/none" can't be read: file does not exist`},
		{"/cert", "/none", `listeners.web.tls.certificates[0].key: "/none" can't be read: file does not exist`},
		{"/text", "/key", `.cert: "/text" holds no certificate that can be used`},
		{"/broken", "/key", `.cert: "/broken" holds no certificate that can be used`},
		{"/cert", "/text", `.key: "/text" holds no private key that can be used`},
		{"/cert", "/cert", `.key: "/cert" holds no private key that can be used`},
		{"", "/key", `.cert: the cert file is missing`},
		{"/old", "/oldkey", `warning: listeners.web.tls.certificates[0].cert: the certificate has expired on 2020-01-02`},
	} {
		text := "[listeners.web]\naddress = \":1\"\ntls.certificates = { cert = \"" + c.cert + "\", key = \"" + c.key + "\" }\n[[routes]]\nrespond.body = \"\"\n"
		_, r := Parse("x", []byte(text), o)
		got := r.String()
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s with %s gave\n%s\nwant %s", c.cert, c.key, got, c.want)
		}
	}
}

func TestAPrivateKeyIsNotShownInItsReport(t *testing.T) {
	cert, _ := pair(t, time.Now().Add(time.Hour))
	_, key := pair(t, time.Now().Add(time.Hour))
	o := testOptions()
	o.ReadFile = func(path string) ([]byte, error) { return map[string][]byte{"/c": cert, "/k": key}[path], nil }
	_, r := Parse("x", []byte("[listeners.web]\naddress = \":1\"\ntls.certificates = { cert = \"/c\", key = \"/k\" }\n[[routes]]\nrespond.body = \"\"\n"), o)
	if secret := strings.Split(string(key), "\n")[1]; !r.Failed() || strings.Contains(r.String(), secret) || strings.Contains(string(r.JSON()), secret) {
		t.Errorf("the report is\n%s", r)
	}
}
