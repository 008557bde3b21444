"""Tables, their `dt` partitions, and the queries over them."""
