package bench

func newLoops(r *run) (engine, error) { return newWorkers(r) }
