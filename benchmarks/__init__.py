"""What this framework costs beside plain code and beside its peers, measured in one run: `python -m benchmarks`."""
