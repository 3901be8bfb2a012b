package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

const (
	// normal is the two-sided 95 % point of the normal distribution.
	normal = 1.959964
	// alarms is how often chance alone may make any figure of a table a regression.
	alarms = 0.02
	// unlike is by how much the files of a side must vary, in units of what their seconds explain, before runs count
	// as different from each other: with three files a side, twice is nothing to wonder at.
	unlike = 1.5
)

// spread is what resampling says about the difference of two sides.
type spread struct {
	a, b vector // the figures of each side
	se   vector // the standard error of b - a, from the blocks and the runs
	dof  vector // its degrees of freedom
	// stray has what chance alone does to (b - a) / se, one row for each draw.
	stray []vector
}

// resample redraws both sides' blocks, seeded.
func resample(a, b *side, draws int, seed uint64) *spread {
	s := &spread{stray: make([]vector, draws)}
	var da, db []vector
	var both sync.WaitGroup // the two sides share nothing
	// What a side holds chooses its draws, so that changing sides turns the answer round and alters nothing else.
	both.Go(func() { s.a, da = a.bootstrap(draws, rand.New(rand.NewPCG(seed, a.digest))) })
	both.Go(func() { s.b, db = b.bootstrap(draws, rand.New(rand.NewPCG(seed, b.digest))) })
	both.Wait()
	va, vb := variance(da, &s.a), variance(db, &s.b)
	runs := between(a, b, &va, &vb)
	s.sum(a, b, &va, &vb, &runs)
	way := 1.0
	if a.digest > b.digest {
		way = -1
	}
	s.scatter(da, db, &runs, way, rand.New(rand.NewPCG(seed, 'r')))
	return s
}

// sum puts the variances together: va and vb within the files, runs of a mean over files.
func (s *spread) sum(a, b *side, va, vb, runs *vector) {
	dofBlocks := max(1, float64(a.blocks()-len(a.files)+b.blocks()-len(b.files)))
	dofRuns := max(1, float64(len(a.files)+len(b.files)-2))
	for i := range figures {
		within := va[i] + vb[i]
		total := within + runs[i]
		s.se[i] = math.Sqrt(total)
		s.dof[i] = dofBlocks
		if total > 0 {
			s.dof[i] = total * total / (within*within/dofBlocks + runs[i]*runs[i]/dofRuns)
		}
	}
}

// scatter fills stray; way is the sign that changing sides turns round.
func (s *spread) scatter(da, db []vector, runs *vector, way float64, random *rand.Rand) {
	for r := range s.stray {
		run := way * random.NormFloat64()
		for i := range figures {
			if s.se[i] > 0 {
				d := (db[r][i] - s.b[i]) - (da[r][i] - s.a[i]) + run*math.Sqrt(runs[i])
				s.stray[r][i] = d / s.se[i]
			}
		}
	}
}

// bootstrap returns the side's figures and those of so many draws.
func (s *side) bootstrap(draws int, random *rand.Rand) (own vector, out []vector) {
	sample := newSample(s)
	for _, f := range s.files {
		for i := range f {
			sample.add(&f[i])
		}
	}
	own = sample.measure()
	// Draws from n seconds vary by the share (n-1)/n of what n fresh seconds would.
	n := float64(s.blocks())
	widen := math.Sqrt(n / max(1, n-float64(len(s.files))))
	out = make([]vector, draws)
	for r := range out {
		sample.clear()
		for _, f := range s.files {
			sample.draw(f, random)
		}
		out[r] = sample.measure()
		for i, v := range out[r] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				v = own[i] // a draw of seconds without an answer says nothing about latencies
			}
			out[r][i] = own[i] + (v-own[i])*widen
		}
	}
	return own, out
}

// draw adds as many blocks as f has, drawn with replacement in runs of neighbours: the circular block bootstrap.
func (s *sample) draw(f []block, random *rand.Rand) {
	length := max(1, int(math.Cbrt(float64(len(f)))))
	for n := 0; n < len(f); {
		from := random.IntN(len(f))
		for k := 0; k < length && n < len(f); k++ {
			s.add(&f[(from+k)%len(f)])
			n++
		}
	}
}

// variance is the draws' mean square distance from own.
func variance(draws []vector, own *vector) (v vector) {
	for i := range v {
		for r := range draws {
			d := draws[r][i] - own[i]
			v[i] += d * d
		}
		v[i] /= float64(len(draws))
	}
	return v
}

// between returns what runs that differ add to the variance of b - a; va and vb are what the blocks explain. It is
// zero where each side has one file: then nobody knows.
func between(a, b *side, va, vb *vector) (v vector) {
	dof := float64(len(a.files) + len(b.files) - 2)
	if dof == 0 {
		return v
	}
	sa, sb := a.scatterOfFiles(), b.scatterOfFiles()
	blocksA, runsA := a.weights()
	blocksB, runsB := b.weights()
	for i := range v {
		seen := (sa[i] + sb[i]) / dof
		explained := (va[i]*blocksA + vb[i]*blocksB) / dof
		if more := seen - unlike*explained; more > 0 { // not NaN
			v[i] = more * (runsA + runsB)
		}
	}
	return v
}

// weights returns by how much the files' sum of squares exceeds the variance of the whole side, where seconds alone
// make it, and what the side has of the variance of a run. A file's own variance goes with one over its length. For k
// files of one length they are k (k - 1) and 1/k.
func (s *side) weights() (blocks, runs float64) {
	k := float64(len(s.files))
	for _, share := range s.shares() {
		blocks += (1 - 1/k) / share
		runs += share * share
	}
	return blocks, runs
}

// scatterOfFiles returns the files' sum of squares around their mean.
func (s *side) scatterOfFiles() (v vector) {
	var each []vector
	sample := newSample(s)
	for _, f := range s.files {
		sample.clear()
		for i := range f {
			sample.add(&f[i])
		}
		each = append(each, sample.measure())
	}
	for i := range v {
		mean := 0.0
		for f := range each {
			mean += each[f][i] / float64(len(each))
		}
		for f := range each {
			v[i] += (each[f][i] - mean) * (each[f][i] - mean)
		}
	}
	return v
}

// width returns how many standard errors an interval spans to either side, before Student's correction, so that
// chance lifts any of the judged figures beyond both its interval and its gate, the change that would be a
// regression, in no more than a share `alarms` of the draws.
func (s *spread) width(judged []int, gate *vector) float64 {
	var top []float64
	for r := range s.stray {
		up, down := 0.0, 0.0
		for _, i := range judged {
			t := s.stray[r][i]
			if math.Abs(t)*s.se[i] <= gate[i] {
				continue
			}
			up, down = max(up, t), max(down, -t)
		}
		top = append(top, up, down)
	}
	slices.Sort(top)
	return max(normal, top[int(float64(len(top))*(1-alarms))])
}

// student returns by how much wider than the normal distribution's the 95 % interval of Student's is. The expansion
// (Abramowitz and Stegun 26.7.5) is within 4 % from two degrees of freedom on.
func student(dof float64) float64 {
	const z2 = normal * normal
	return 1 + (z2+1)/(4*dof) + (5*z2*z2+16*z2+3)/(96*dof*dof) + (3*z2*z2*z2+19*z2*z2+17*z2-15)/(384*dof*dof*dof)
}
