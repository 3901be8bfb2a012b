//go:build soak

package compare

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/bench"
)

// Each run of the real pairs has two processes of its own, which are this test binary with a role.
const roleVar = "COMPARE_ROLE"

func TestMain(m *testing.M) {
	switch role := strings.Fields(os.Getenv(roleVar)); {
	case len(role) == 0:
		os.Exit(m.Run())
	case role[0] == "endpoint":
		serve(number(role[1]), &shapes[number(role[2])], &shifts[number(role[3])])
	case role[0] == "run":
		generate(role[1], uint64(number(role[2])), float64(number(role[3])))
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// serve is the endpoint: it prints its URL and answers, each request after a seeded latency, until its input ends.
func serve(seed int, s *shape, f *shift) {
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	var mu sync.Mutex
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("http://%s/\n", l.Addr())
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived := time.Now()
		mu.Lock()
		u := r.Float64()
		mu.Unlock()
		wait := time.Duration(f.of(s, u, s.at(u)) * 1e6)
		<-time.After(wait - time.Since(arrived))
		w.Write([]byte("ok"))
	}))
	io.Copy(io.Discard, os.Stdin)
}

// generate runs for 5 s and prints the report.
func generate(url string, seed uint64, rate float64) {
	r, err := bench.Run(context.Background(), bench.Config{
		Target: url, Connections: 64, Threads: 1, Seed: seed, Duration: 5 * time.Second, Warmup: 500 * time.Millisecond,
		MaxLag: 20 * time.Millisecond, Arrivals: &bench.Arrivals{Steps: []bench.Step{{From: rate, To: rate}}, Poisson: true},
	})
	if err != nil {
		panic(err)
	}
	if err := r.Write(os.Stdout); err != nil {
		panic(err)
	}
}

// realRun starts an endpoint and a generator and returns what the generator reports.
func realRun(shape, shift, seed, rate int) (*bench.Report, error) {
	endpoint := exec.Command(os.Args[0])
	endpoint.Env = append(os.Environ(), fmt.Sprintf("%s=endpoint %d %d %d", roleVar, seed, shape, shift))
	hold, err := endpoint.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := endpoint.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := endpoint.Start(); err != nil {
		return nil, err
	}
	defer func() { hold.Close(); endpoint.Wait() }()
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, err
	}
	load := exec.Command(os.Args[0])
	load.Env = append(os.Environ(), fmt.Sprintf("%s=run %s %d %d", roleVar, strings.TrimSpace(url), seed, rate))
	text, err := load.Output()
	if err != nil {
		return nil, err
	}
	return bench.ReadReport(strings.NewReader(string(text)))
}

// realPair makes three runs a side, all at once, each with a seed of its own.
func realPair(t *testing.T, shape, shift, seed, rate int) (a, b []Input) {
	t.Helper()
	reports, errs := make([]*bench.Report, 6), make([]error, 6)
	var runs sync.WaitGroup
	for n := range reports {
		runs.Go(func() {
			of := 0
			if n >= 3 {
				of = shift
			}
			reports[n], errs[n] = realRun(shape, of, seed*10+n, rate)
		})
	}
	runs.Wait()
	for n, r := range reports {
		if errs[n] != nil {
			t.Fatal(errs[n])
		}
		if in := (Input{fmt.Sprintf("%d.json", n), r}); n < 3 {
			a = append(a, in)
		} else {
			b = append(b, in)
		}
	}
	return a, b
}

// TestSoakRealPairs is the promise of `weir bench compare`, on real runs: COMPARE_SHAPE and COMPARE_SHIFT choose
// others than the defaults, by their numbers.
func TestSoakRealPairs(t *testing.T) {
	shape, shift, rate, pairs := choice("COMPARE_SHAPE", 1), choice("COMPARE_SHIFT", 3), choice("COMPARE_RATE", 300), choice("COMPARE_PAIRS", 20)
	count := func(shift int) (found int) {
		for n := range pairs {
			a, b := realPair(t, shape, shift, 1000*shift+n, rate)
			r, err := Compare(a, b, Options{Tolerance: DefaultTolerance})
			// On a busy machine a generator may be late: such a run is made again, as a person would.
			for again := 0; errors.Is(err, ErrInvalid) && again < 5; again++ {
				t.Logf("pair %d again: %v", n, err)
				a, b = realPair(t, shape, shift, 1000*shift+n, rate)
				r, err = Compare(a, b, Options{Tolerance: DefaultTolerance})
			}
			if err != nil {
				t.Errorf("pair %d: %v", n, err)
				continue
			}
			t.Logf("%s at %d/s, %s, pair %d: %s", shapes[shape].name, rate, shifts[shift].name, n, r.Text)
			if r.Regression {
				found++
			}
		}
		return found
	}
	if n := count(0); n > pairs/20 {
		t.Errorf("%d false alarms in %d pairs", n, pairs)
	}
	if n := count(shift); n < pairs*9/10 {
		t.Errorf("found %d of %d", n, pairs)
	}
}

func choice(name string, byDefault int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return byDefault
}
