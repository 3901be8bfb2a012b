// Package evloop waits for many sockets on one thread: a thin loop over epoll with waits of less than a millisecond,
// and the socket calls that go with it.
//
// The load generator and bench peers drive their connections with it. It knows no protocol, keeps no deadlines and
// starts no goroutine: its owner calls Poll or Wait, then Serve, and brings the time itself. It exists on Linux alone.
package evloop
