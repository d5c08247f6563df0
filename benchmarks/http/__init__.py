"""The benchmarks over HTTP: servers, load, report and chart."""
