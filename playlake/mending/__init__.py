"""What those share who rewrite a lake: how it is opened, erasure's receipt, retention."""
