package peers

import (
	"bytes"
	"strconv"
)

// parentOf reads the parent's process id from the text of /proc/PID/stat (proc_pid_stat(5)). The second field, the
// program's name in parentheses, may itself hold spaces and parentheses; the last one closes it.
func parentOf(stat []byte) (int, bool) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, false
	}
	fields := bytes.Fields(stat[end+1:])
	if len(fields) < 2 {
		return 0, false
	}
	ppid, err := strconv.Atoi(string(fields[1]))
	return ppid, err == nil && ppid >= 0
}

// residentPages reads the resident pages from the text of /proc/PID/statm.
func residentPages(statm []byte) (int64, bool) {
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return n, err == nil && n >= 0
}

// answerEnd returns the length of the answer whose head begins b: head and Content-Length together.
// known is false while the head is not complete; ok is false for anything but a 200 with a Content-Length: the
// harness measures equal work, and an answer of another kind is not that.
func answerEnd(b []byte) (end int, known, ok bool) {
	head := bytes.Index(b, []byte("\r\n\r\n"))
	if head < 0 {
		return 0, false, len(b) < maxHead
	}
	if !bytes.HasPrefix(b, []byte("HTTP/1.1 200")) {
		return 0, true, false
	}
	for lines := b[:head+2]; len(lines) > 0; {
		next := bytes.IndexByte(lines, '\n') + 1
		if value, is := contentLength(lines[:next]); is {
			n, err := strconv.Atoi(string(value))
			if err != nil || n < 0 || n > maxAnswer {
				return 0, true, false
			}
			return head + 4 + n, true, true
		}
		lines = lines[next:]
	}
	return 0, true, false
}

const (
	maxHead   = 16 << 10
	maxAnswer = 1 << 30
	lengthTag = "Content-Length:"
)

// contentLength returns the value of a line that ends in CRLF, if Content-Length is its name.
func contentLength(l []byte) ([]byte, bool) {
	// The first and last letters settle almost every line; folding all of them would show in the figures.
	if len(l) < len(lengthTag)+3 || l[0]|0x20 != 'c' || l[len(lengthTag)-1] != ':' {
		return nil, false
	}
	if !bytes.EqualFold(l[:len(lengthTag)], []byte(lengthTag)) {
		return nil, false
	}
	return bytes.TrimSpace(l[len(lengthTag) : len(l)-2]), true
}
