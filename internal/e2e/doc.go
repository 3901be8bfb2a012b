// Package e2e holds the tests that know Weir only from outside: they build the binary, start it on
// loopback with a config file, talk to it over sockets, and read its metrics, its logs and what
// /proc says of it.
//
// They import no room of Weir but bench, whose load they use, so that they hold whatever its inside
// looks like. The long ones have the build tag soak and names that begin with TestSoak; `make soak`
// runs them.
package e2e
