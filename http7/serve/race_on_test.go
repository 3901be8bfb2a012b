//go:build race

package serve

// raceDetector says whether the tests run under the race detector, where pools forget at random.
const raceDetector = true
