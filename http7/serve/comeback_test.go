package serve

import (
	"testing"
	"time"

	"weir/http7"
)

func TestAnOpenBreakerSaysWhenToComeBack(t *testing.T) {
	for left, want := range map[time.Duration]string{
		0: "1", time.Millisecond: "1", time.Second: "1", time.Second + 1: "2", 2999 * time.Millisecond: "3", time.Minute: "60",
	} {
		var x exchange
		http7.FaultAnswer(&x.Exchange, http7.BreakerOpen)
		x.comeBack(left)
		if got := x.Answer.Header.Get(http7.RetryAfter); string(got) != want {
			t.Errorf("open for %v more: Retry-After %q, want %q", left, got, want)
		}
	}
}
