"""Data files made anew: compaction, replay and erasure, over any store."""
