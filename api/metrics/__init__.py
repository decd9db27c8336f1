"""GET /metrics: what the service measures, in the text format of Prometheus."""
