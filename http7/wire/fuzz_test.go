package wire

import "testing"

// Each target also compares the codec with the reference, one cut with none, and what is accepted
// with itself, written and read again.

func seed(f *testing.F, tables ...[]sample) {
	for _, table := range tables {
		for i, s := range table {
			f.Add(s.in, i)
		}
	}
}

// within makes an offset into in of any number.
func within(in string, cut int) int { return int(uint(cut) % uint(len(in)+1)) }

func FuzzRequestHead(f *testing.F) {
	seed(f, requestLines, requestFields, requestHops, requestFrames, requestTargets, requestHosts)
	f.Fuzz(func(t *testing.T, in string, cut int) { sameRequest(t, in, within(in, cut)) })
}

func FuzzResponseHead(f *testing.F) {
	seed(f, statusLines, answerFields, answerFrames, headAnswers, connectAnswers)
	f.Fuzz(func(t *testing.T, in string, cut int) {
		for _, method := range []string{"GET", "HEAD", "CONNECT"} {
			sameResponse(t, in, method, within(in, cut))
		}
	})
}

func FuzzChunked(f *testing.F) {
	seed(f, chunkedBodies)
	f.Fuzz(func(t *testing.T, in string, cut int) { sameBody(t, in, within(in, cut)) })
}

func FuzzTarget(f *testing.F) {
	for _, target := range []string{"/", "/a?b", "*", "http://a", "http://a?b", "HTTPS://[::1]:1/x", "a:443", "/%41", "/%", "//", "/[]|?{}"} {
		for _, authority := range []string{"a", "", "a:80", "[::1]:65535", "[::1.2.3.4]", "a%41", "a,b", "u@a", "1.2.3.4:"} {
			f.Add(target, authority)
		}
	}
	f.Fuzz(sameTarget)
}
