package store

// Stats are the store's figures at one moment.
type Stats struct {
	// Bytes are in use: bodies, heads, keys, entries, index, ghosts. They never exceed Limit, but for a moment after
	// Resize, and while objects are read that it would take.
	Bytes int64
	// Limit is the size given to [New] or [Store.Resize].
	Limit int64
	// Mapped is how much of the memory for keys, heads and bodies the system may have given.
	Mapped int64
	// Objects are published.
	Objects int64
	// Drafts are being written, DraftBytes is their memory.
	Drafts, DraftBytes int64
	// Pinned objects are published no more, or never were, and somebody still reads them, or their bodies are those of
	// objects that refreshed them. Their bytes count.
	Pinned int64
	// Stored counts objects published since New.
	Stored uint64
	// EvictedSmall and EvictedMain count objects that went for lack of room, from the queue of newcomers and from the
	// main one.
	EvictedSmall, EvictedMain uint64
	// Replaced counts objects that went because another of the same key came.
	Replaced uint64
	// Purged counts objects that a purge or a Drop took. Prefixes and tags count when the sweep has come by.
	Purged uint64
	// Refused counts drafts and writes for which there was no room.
	Refused uint64
	// Doomed counts drafts that grew over their limit, or found no room while they were read.
	Doomed uint64
	// Unpublished counts drafts that a purge caught before they were whole.
	Unpublished uint64
	// Purges counts the calls of Purge and DropKey.
	Purges uint64
	// Backlog counts the purges by prefix, tag and all that the sweep has not followed yet.
	Backlog int64
}

// counts are a shard's part of them. Guarded by its lock.
type counts struct {
	stored, small, main, replaced, purged, refused, doomed, unpublished uint64
}

// Stats returns the figures. They are exact for each shard, and a moment apart between shards.
func (s *Store) Stats() Stats {
	st := Stats{Bytes: ownBytes, Limit: ownBytes, Purges: s.purges.calls.Load()}
	for i := range s.shards {
		s.shards[i].addTo(&st)
	}
	s.purges.mu.Lock()
	defer s.purges.mu.Unlock()
	st.Backlog = s.purges.added - s.purges.passed
	return st
}

func (sh *shard) addTo(st *Stats) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.collect()
	st.Bytes += sh.used()
	st.Limit += sh.limit
	st.Mapped += sh.arena.touched * blockBytes
	st.Objects += sh.objects
	st.Drafts += sh.drafts
	st.DraftBytes += sh.drafting * unitBytes
	st.Pinned += int64(sh.slabs.live*slabObjects-len(sh.slabs.free)) - sh.objects - sh.drafts
	st.Stored += sh.counts.stored
	st.EvictedSmall += sh.counts.small
	st.EvictedMain += sh.counts.main
	st.Replaced += sh.counts.replaced
	st.Purged += sh.counts.purged
	st.Refused += sh.counts.refused
	st.Doomed += sh.counts.doomed
	st.Unpublished += sh.counts.unpublished
}
