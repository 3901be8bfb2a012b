package tcp4

import (
	"io"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// cpu returns the CPU time that this process has used, the kernel's share included.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// paths are the ways to reach an endpoint that the benchmarks compare; what a relay costs is its
// figure less that of "direct".
func paths(b *testing.B, address string) map[string]func() net.Conn {
	copied := listenOn(b, func(c net.Conn) {
		e, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		done := make(chan struct{})
		go func() { defer close(done); _, _ = io.Copy(e, c); _ = e.(*net.TCPConn).CloseWrite() }()
		_, _ = io.Copy(c, e)
		_ = c.Close()
		<-done
		_ = e.Close()
	}, "127.0.0.1:0")
	relayed := relayTo(b, nil, address)
	return map[string]func() net.Conn{
		"direct": func() net.Conn { return dialTCP(b, address) },
		"iocopy": func() net.Conn { return dialTCP(b, copied.Addrs()[0].String()) },
		"relay":  func() net.Conn { return relayed.dial() },
	}
}

// BenchmarkRoundTrip is one small message and its echo.
func BenchmarkRoundTrip(b *testing.B) {
	ways := paths(b, endpoint(b, echoSmall))
	for _, size := range []int{64, 1024, 16384} {
		for _, way := range []string{"direct", "iocopy", "relay"} {
			b.Run(way+"-"+strconv.Itoa(size), func(b *testing.B) {
				c := ways[way]()
				_ = c.SetDeadline(time.Time{})
				message, answer := make([]byte, size), make([]byte, size)
				roundTrip(b, c, message, answer)
				b.ReportAllocs()
				before := cpu(b)
				for b.Loop() {
					roundTrip(b, c, message, answer)
				}
				b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// BenchmarkBulk is 64 KiB of a long stream.
func BenchmarkBulk(b *testing.B) {
	ways := paths(b, endpoint(b, func(c *net.TCPConn) { drink(c) }))
	for _, way := range []string{"direct", "iocopy", "relay"} {
		b.Run(way, func(b *testing.B) {
			c := ways[way]()
			_ = c.SetDeadline(time.Time{})
			block := make([]byte, 64<<10)
			b.SetBytes(int64(len(block)))
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				if _, err := c.Write(block); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}
