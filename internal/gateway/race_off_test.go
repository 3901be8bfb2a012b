//go:build !race

package gateway

// raceDetector says whether the tests run under the race detector, where pools forget at random.
const raceDetector = false
