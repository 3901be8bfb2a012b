package acme

import (
	"crypto/x509"
	"time"
)

// window is when an authority wants a certificate renewed (ARI, RFC 9773). The zero window says
// nothing.
type window struct {
	start, end time.Time
	// chosen lies between them, the same for as long as the window stays.
	chosen time.Time
}

const (
	// calm is the least time between two renewals that an authority's window asks for; else one that
	// answers "at once" for every certificate would get no rest.
	calm = time.Hour
	// lastShare is the part of a lifetime, at its end, in which no window holds a renewal back.
	lastShare = 20
)

// renewal returns when a certificate is due for renewal: at the time that the authority's window
// gave, else when two thirds of its life have passed. renewed is when this process got it; zero if
// it did not.
func renewal(leaf *x509.Certificate, w window, renewed time.Time) time.Time {
	end := expiry(leaf)
	life := end.Sub(leaf.NotBefore)
	thirds := end.Add(-life / 3)
	if !w.about(life) {
		return thirds
	}
	at := w.chosen
	if earliest := renewed.Add(min(calm, life/2)); !renewed.IsZero() && at.Before(earliest) {
		at = earliest
	}
	if latest := end.Add(-life / lastShare); at.After(latest) {
		return latest
	}
	return at
}

// about reports whether a window can be meant for a certificate with such a life: one as long as half
// of it says nothing.
func (w window) about(life time.Duration) bool {
	return !w.chosen.IsZero() && w.end.Sub(w.start) < life/2
}

// expiry is the first moment at which a certificate is no longer valid: NotAfter has whole seconds
// and includes its last one (RFC 5280 §4.1.2.5). It is as certmagic reckons.
func expiry(leaf *x509.Certificate) time.Time {
	return leaf.NotAfter.Truncate(time.Second).Add(time.Second)
}

// refused are the pauses after the first, second, … failure in a row of which the authority itself
// told, the last for all further ones. Let's Encrypt takes five failed validations of a name an hour.
var refused = [...]time.Duration{
	2 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour,
}

// deaf is the longest pause while the authority can't be reached: trying costs it nothing.
const deaf = 5 * time.Minute

// pause returns how long to wait after so many failures in a row. told says that the authority has
// answered. share, from 0 to 1, spreads those of many hosts.
func pause(failures int, told bool, share float64) time.Duration {
	d := refused[min(failures, len(refused))-1]
	if !told {
		d = min(time.Second<<min(failures-1, 16), deaf)
	}
	return d + time.Duration(share*float64(d)/4)
}
