package peers

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
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

// streamModule reads from what `nginx -V` says where the module that relays TCP is. ok is false where there is none,
// path is "" where it is compiled in.
func streamModule(said string) (path string, ok bool) {
	dir := ""
	for _, word := range strings.Fields(said) {
		if value, is := strings.CutPrefix(word, "--modules-path="); is {
			dir = value
		}
		switch word {
		case "--with-stream":
			return "", true
		case "--with-stream=dynamic":
			ok = true
		}
	}
	if !ok || dir == "" {
		return "", false
	}
	return dir + "/ngx_stream_module.so", true
}

var unknownWords = regexp.MustCompile(`there is no key "([^"]+)" in (\S+)`)

// unknownKey finds the first key in what `weir check` says that this Weir doesn't know.
func unknownKey(said string) (string, bool) {
	found := unknownWords.FindStringSubmatch(said)
	if found == nil {
		return "", false
	}
	return found[2] + "." + found[1], true
}

var wrkWords = regexp.MustCompile(`(?m)^\s*(\d+) requests in `)

// wrkAnswers reads from what wrk prints how many answers it had. ok is false where it reports errors, or no figure.
func wrkAnswers(said string) (answers int64, ok bool) {
	found := wrkWords.FindStringSubmatch(said)
	if found == nil || strings.Contains(said, "Socket errors:") || strings.Contains(said, "Non-2xx") {
		return 0, false
	}
	answers, err := strconv.ParseInt(found[1], 10, 64)
	if err != nil {
		return 0, false
	}
	return answers, true
}

// valueOf returns what follows the name and the separator on the first line of text that begins so, as in
// /proc/cpuinfo ("model name\t: AMD EPYC") and os-release (PRETTY_NAME="Debian").
func valueOf(text, name, separator string) string {
	for l := range strings.Lines(text) {
		key, value, ok := strings.Cut(l, separator)
		if ok && strings.TrimSpace(key) == name {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}
