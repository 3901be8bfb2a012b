//go:build race

package e2e

// raceDetector says whether the tests, and so the weir that they start, run under it.
const raceDetector = true
