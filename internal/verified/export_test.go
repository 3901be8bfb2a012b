package verified

import "time"

// SetElapsed gives t another clock of its own.
func (t *Table[V]) SetElapsed(elapsed func() time.Duration) { t.elapsed = elapsed }
