"""Memory of this process; loads nothing, so that it can stand before a measured import."""

__all__ = ["rss_bytes"]


def rss_bytes() -> float:
    """What is resident now; where the system does not say, the peak so far."""
    import os
    import sys

    try:
        with open("/proc/self/statm") as statm:
            return float(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(peak if sys.platform == "darwin" else peak * 1024)
