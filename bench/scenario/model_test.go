package scenario

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"weir/bench"
)

// text is a template of a random shape, with what it must come to by the manual: for turn n, a regular expression.
type text struct {
	template string
	wants    []func(n int64) string
}

func (x *text) add(template string, want func(n int64) string) {
	x.template += template
	x.wants = append(x.wants, want)
}

func (x *text) want(n int64) string {
	var b strings.Builder
	for _, w := range x.wants {
		b.WriteString(w(n))
	}
	return b.String()
}

// author writes scenarios at random.
type author struct {
	random  *rand.Rand
	rows    [][]string // of the table "t", columns a and b
	shuffle bool       // of which any row comes
}

// values are what a table or a choice may hold in a place.
const values = "abcXYZ019-._~ /?&=%+#äé\"\\"

func (a *author) value(of string) string {
	var b strings.Builder
	for range a.random.IntN(8) {
		runes := []rune(of)
		b.WriteRune(runes[a.random.IntN(len(runes))])
	}
	return b.String()
}

// naive encodings, written down from the manual.
var naive = map[string]func(string) string{
	"raw": func(s string) string { return s },
	"url": func(s string) string {
		out := ""
		for _, c := range []byte(s) {
			if strings.IndexByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", c) >= 0 {
				out += string(rune(c))
			} else {
				out += fmt.Sprintf("%%%02X", c)
			}
		}
		return out
	},
	"json": func(s string) string { return strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(s) },
}

// piece adds one piece to x. usual is the encoding of the place, plain what it may hold as it is.
func (a *author) piece(x *text, usual, plain string) {
	word, encode := "", naive[usual]
	if a.random.IntN(3) == 0 {
		name := []string{"url", "json"}[a.random.IntN(2)]
		if usual != "url" || name == "url" {
			word, encode = name+" ", naive[name]
		}
	}
	number := a.random.Int64N(1000)
	fixed := func(s string) func(int64) string { return func(int64) string { return regexp.QuoteMeta(s) } }
	switch a.random.IntN(10) {
	case 0:
		x.add(fmt.Sprintf("${counter %d}", number), func(n int64) string { return strconv.FormatInt(number+n, 10) })
	case 1:
		x.add(fmt.Sprintf("${random %d %d}", number, number+2), fixedAny(number, number+1, number+2))
	case 2:
		x.add("${hex 7}", func(int64) string { return "[0-9a-f]{7}" })
	case 3:
		x.add("${string 12}", func(int64) string { return "[0-9A-Za-z]{12}" })
	case 4:
		x.add("${uuid}", func(int64) string { return "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}" })
	case 5:
		words := []string{a.value("abc é/&"), a.value("xyz=\"")}
		x.add(fmt.Sprintf("${%schoice '%s' '%s'}", word, words[0], words[1]), func(int64) string {
			return "(?:" + regexp.QuoteMeta(encode(words[0])) + "|" + regexp.QuoteMeta(encode(words[1])) + ")"
		})
	case 6, 7:
		i := a.random.IntN(2)
		x.add("${"+word+"t."+[]string{"a", "b"}[i]+"}", func(n int64) string {
			if !a.shuffle {
				return regexp.QuoteMeta(encode(a.rows[n%int64(len(a.rows))][i]))
			}
			var any []string
			for _, row := range a.rows {
				any = append(any, regexp.QuoteMeta(encode(row[i])))
			}
			return "(?:" + strings.Join(any, "|") + ")"
		})
	case 8:
		x.add("$${x}", fixed("${x}"))
	default:
		s := a.value(plain)
		x.add(s, fixed(s))
	}
}

func fixedAny(numbers ...int64) func(int64) string {
	return func(int64) string {
		return "(?:" + strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", "|"), "[]") + ")"
	}
}

// template is a text of several pieces behind a beginning.
func (a *author) template(begin, usual, plain string) *text {
	x := &text{}
	x.add(begin, func(int64) string { return regexp.QuoteMeta(begin) })
	for range a.random.IntN(5) {
		a.piece(x, usual, plain)
	}
	return x
}

// sketch is one request as it was thought of.
type sketch struct {
	method             string
	path, header, body *text
}

// scenario writes a file and what it must come to.
func (a *author) scenario() (toml string, files map[string]string, requests []sketch) {
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	w.Write([]string{"a", "b"})
	for range 1 + a.random.IntN(5) {
		row := []string{"v" + a.value(values), "w" + a.value(values)}
		a.rows = append(a.rows, row)
		w.Write(row)
	}
	w.Flush()
	toml = "[data.t]\nfile = \"t.csv\"\n"
	if a.shuffle = a.random.IntN(2) == 0; a.shuffle {
		toml += "order = \"random\"\n"
	}
	for i := range 1 + a.random.IntN(4) {
		s := sketch{
			method: []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}[a.random.IntN(6)],
			path:   a.template(fmt.Sprintf("/r%d/", i), "url", "abc/?&=-%20"),
			header: a.template("h", "raw", "ab c;=é\""),
			body:   a.template("", "raw", "{}\n\t\"é:,"),
		}
		requests = append(requests, s)
		toml += fmt.Sprintf("[[requests]]\nname = \"%d\"\nmethod = %q\npath = %s\nbody = %s\nweight = %d\n[requests.headers]\nX-Of = %s\nX-Fixed = \"f\"\n",
			i, s.method, tomlText(s.path.template), tomlText(s.body.template), 1+a.random.IntN(9), tomlText(s.header.template))
	}
	return toml, map[string]string{"t.csv": table.String()}, requests
}

// tomlText writes a basic string of TOML.
func tomlText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s) + `"`
}

func TestAnyScenarioSendsWhatItsManualSays(t *testing.T) {
	for seed := range uint64(150) {
		a := &author{random: rand.New(rand.NewPCG(seed, 30))}
		toml, files, requests := a.scenario()
		s, report := Parse("x.toml", []byte(toml), reading(files))
		if report.Failed() {
			t.Fatalf("seed %d: refused:\n%s\n%s", seed, report, toml)
		}
		wire := s.Maker(bench.Wire, "target:80", seed)
		var r bench.Request
		for n := range int64(40) {
			wire.Fill(n, &r)
			want := requests[r.Class]
			if problem := differs(r.Wire, want, n); problem != "" {
				t.Fatalf("seed %d, turn %d: %s\n%s", seed, n, problem, toml)
			}
		}
	}
}

// differs reads a message as a server would and says in what it is not the sketch in turn n.
func differs(message []byte, want sketch, n int64) string {
	in := bufio.NewReader(bytes.NewReader(message))
	line, err := in.Peek(bytes.IndexByte(message, '\r'))
	if err != nil {
		return err.Error()
	}
	target := strings.TrimSuffix(strings.TrimPrefix(string(line), want.method+" "), " HTTP/1.1")
	if pattern := "^" + want.path.want(n) + "$"; !regexp.MustCompile(pattern).MatchString(target) {
		return fmt.Sprintf("the target is %q, want %s", target, pattern)
	}
	// A percent that stands as it is in the template need not be an escape: net/http is not asked about the target.
	q, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(want.method+" / HTTP/1.1\r\n"), bytes.NewReader(message[len(line)+2:]))))
	if err != nil {
		return err.Error()
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return err.Error()
	}
	if pattern := "^" + want.body.want(n) + "$"; !regexp.MustCompile(pattern).Match(body) {
		return fmt.Sprintf("the body is %q, want %s", body, pattern)
	}
	// Spaces at the end of a value are not part of it (RFC 9110 §5.5), so net/http drops them.
	if got, pattern := q.Header.Get("X-Of")+trailing(message), "^"+want.header.want(n)+"$"; !regexp.MustCompile(pattern).MatchString(got) {
		return fmt.Sprintf("the field is %q, want %s", got, pattern)
	}
	if q.Host != "target:80" || q.Header.Get("X-Fixed") != "f" || len(q.Header) > 3 {
		return fmt.Sprintf("host %q, fields %v", q.Host, q.Header)
	}
	return ""
}

// trailing is the white space at the end of X-Of as it was sent.
func trailing(message []byte) string {
	_, rest, _ := bytes.Cut(message, []byte("\r\nX-Of: "))
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(value[len(bytes.TrimRight(value, " \t")):])
}

func TestEveryRowOfATableComesInTurn(t *testing.T) {
	for rows := 1; rows < 8; rows++ {
		table := "id\n"
		for i := range rows {
			table += fmt.Sprintf("%d\n", i)
		}
		for _, order := range []string{"sequential", "random"} {
			s, report := Parse("x.toml", []byte("[data.t]\nfile = \"t.csv\"\norder = \""+order+"\"\n[[requests]]\npath = \"/${t.id}\"\n"), reading(map[string]string{"t.csv": table}))
			if report.Failed() {
				t.Fatal(report)
			}
			counts := map[string]int{}
			const turns = 4200
			for n := range int64(turns) {
				path := string(parts(s, 9, n).Path)
				counts[path]++
				if want := fmt.Sprintf("/%d", n%int64(rows)); order == "sequential" && path != want {
					t.Fatalf("turn %d asks for %s, want %s", n, path, want)
				}
			}
			for path, count := range counts {
				// Random rows: within six standard deviations of an even share.
				even := turns / float64(rows)
				if off := float64(count) - even; len(counts) != rows || off*off > 36*even {
					t.Errorf("%s, %d rows: %s came %d times of %d, %d rows in all", order, rows, path, count, turns, len(counts))
				}
			}
		}
	}
}
