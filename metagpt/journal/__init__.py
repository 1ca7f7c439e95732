"""Where a run's ticks are kept: the interface, in memory, and SQLite."""
