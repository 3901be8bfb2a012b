package tcp4

// watch waits, after the end of d's source, until the session is over, and reports whether the
// source was reset meanwhile: without it, a client that half-closes and then resets would keep its
// endpoint busy until something is written to it.
func (d *direction) watch() (lost bool) {
	if d.from.below == nil {
		return false
	}
	// The first look comes after the poller was armed, so that no reset falls between the two.
	err := d.wait(d.from.below, func(fd uintptr) bool {
		lost = socketError(int(fd)) != 0
		return lost
	})
	return err == nil && lost
}
