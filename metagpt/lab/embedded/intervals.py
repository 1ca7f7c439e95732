"""Confidence intervals."""

__all__ = ["interval"]


def interval(share: float, total: int) -> tuple[float, float]:
    """95 % Wilson interval of a share. Source: Wilson 1927, Journal of the American Statistical Association 22."""
    z = 1.959964
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * ((share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5) / (1 + z * z / total)
    return max(0.0, centre - half), min(1.0, centre + half)
