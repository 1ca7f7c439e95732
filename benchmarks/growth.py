"""What a hop costs late in a long run, beside what one cost early in it."""

from collections.abc import Callable

from benchmarks import hop
from benchmarks.probe import Contender, Figure, Figures, Row, run_script

EARLY, WINDOW = 100, 500


def _grown(play: Callable[[int], Figures]) -> Callable[[int], Figures]:
    """CPU of `WINDOW` hops from hop 100 on, and of the last ones."""

    def measure(num_hops: int) -> Figures:
        window = min(WINDOW, num_hops // 4)
        early = num_hops - min(EARLY, window)
        hop.MARKS.update(dict.fromkeys((early, early - window, window + 1, 1), 0.0))
        play(num_hops)
        first = (hop.MARKS[early - window] - hop.MARKS[early]) / window
        last = (hop.MARKS[1] - hop.MARKS[window + 1]) / window
        return {"ratio": last / first, "early": first, "late": last}

    return measure


ROW = Row(
    name="growth",
    title="Cost of a hop at 10,000 hops beside its cost at 100",
    unit_of_work="hops",
    size=10_000,
    quick=400,
    figures=(
        Figure(key="ratio", unit="late / early", digits=2, aim=1.0),
        Figure(key="early", unit="µs CPU at 100", scale=1e6),
        Figure(key="late", unit="µs CPU at the end", scale=1e6),
    ),
    contenders={
        name: Contender(measure=_grown(each.measure), what=each.what, counts=each.counts) for name, each in hop.ROW.contenders.items()
    },
    left_out=hop.ROW.left_out,
)

if __name__ == "__main__":
    run_script(ROW)
