"""What the catalog's ports are driven by: SQLite and DuckDB on one machine."""
