"""What makes the Lambda packages: sources, locked libraries, pruning, a reproducible archive."""
