"""The runtime: ticks in, commands out, decided purely; one loop performs them (`metagpt.environment`)."""
