"""What became of every event that was accepted, from three accounts of it."""
