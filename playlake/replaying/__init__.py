"""Events that did not come into the lake, or are gone from it, sent through the transform again."""
