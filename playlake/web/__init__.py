"""What is served over HTTP: the collector, the pages, health and metrics, and who may ask."""
