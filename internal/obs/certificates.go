package obs

import (
	"bytes"
	"iter"
	"time"
)

// CertificateReading is one certificate of a listener at the moment of a scrape.
type CertificateReading struct {
	Listener    string
	Certificate string    // its first name
	Expiry      time.Time // zero, and no series, for authorities of clients
	Broken      bool      // newer files can't be used
}

// WatchCertificates makes every scrape read certificates from the sequence, which must be safe for concurrent use. Of
// those of one listener and name, which differ in their kind of key, the one that expires first is exported. A second
// call replaces the first.
func (c *Catalogue) WatchCertificates(certificates iter.Seq[CertificateReading]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched.certificates = certificates
}

func writeCertificates(w *bytes.Buffer, all []CertificateReading) {
	var at []string
	var list []CertificateReading
	place := map[string]int{}
	for _, r := range all {
		l := labels("listener", r.Listener, "certificate", r.Certificate)
		i, known := place[l]
		if !known {
			place[l] = len(at)
			at, list = append(at, l), append(list, r)
			continue
		}
		list[i].Broken = list[i].Broken || r.Broken
		if r.Expiry.Before(list[i].Expiry) {
			list[i].Expiry = r.Expiry
		}
	}
	expiry, broken := family{w: w, name: certificateExpiry, kind: "gauge"}, family{w: w, name: certificateBroken, kind: "gauge"}
	for i := range list {
		if !list[i].Expiry.IsZero() {
			expiry.put(at[i], "", uint64(max(list[i].Expiry.Unix(), 0)))
		}
	}
	for i := range list {
		broken.put(at[i], "", truth(list[i].Broken))
	}
}
