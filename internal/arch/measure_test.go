package arch

import (
	"strings"
	"testing"
)

func TestQuantileIsTheSmallestValueThatTheShareDoesNotExceed(t *testing.T) {
	for _, c := range []struct {
		values []int
		q      float64
		want   int
	}{
		{nil, 0.5, 0},
		{[]int{7}, 0.5, 7},
		{[]int{3, 1, 2}, 0.5, 2},
		{[]int{4, 3, 2, 1}, 0.5, 2},
		{[]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9, 9},
		{[]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 1, 10},
	} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("quantile(%v, %v) = %d, want %d", c.values, c.q, got, c.want)
		}
	}
}

func TestMeasureCountsLinesAsAnEditorDoes(t *testing.T) {
	m := source(t, map[string]string{
		"x/a.go":      "package x\n\nfunc one() {}\n\nfunc three() {\n\t_ = 0\n}\n",
		"x/a_test.go": "package x\n\nfunc long() {\n" + strings.Repeat("\n", 100) + "}\n",
	}).Measure()
	if m.CodeLines != 7 || m.TestLines != 104 || m.Files != 2 || m.Funcs != 2 || m.FuncMedian != 1 || m.FuncP90 != 3 || m.FileMax != 104 {
		t.Errorf("got %v", m)
	}
	if r := m.Ratio(); r != 104.0/7 {
		t.Errorf("ratio is %v", r)
	}
}

func TestFiguresNameEveryBrokenLimit(t *testing.T) {
	good := Figures{Files: 10, FileP90: 400, FileMax: 600, Funcs: 100, FuncMedian: 10, FuncP90: 35, FuncOver60: 3, CodeLines: 100, TestLines: 120}
	equal(t, good.Problems())

	bad := Figures{Files: 10, FileP90: 401, Funcs: 100, FuncMedian: 11, FuncP90: 36, FuncOver60: 4, CodeLines: 100, TestLines: 119, LongFiles: []string{"x/a.go has 601 lines"}}
	equal(t, bad.Problems(),
		"x/a.go has 601 lines",
		"p90 of files is 401 lines, at most 400",
		"median of functions is 11 lines, at most 10",
		"p90 of functions is 36 lines, at most 35",
		"4 of 100 functions have over 60 lines, at most 3 %",
		"1.19 lines of test per line of code, at least 1.2",
	)
}

func TestAFileOver600LinesIsNamed(t *testing.T) {
	m := source(t, map[string]string{"x/a.go": "package x\n" + strings.Repeat("\n", 600)}).Measure()
	equal(t, m.LongFiles, "x/a.go has 601 lines")
}
