"""Token by token to text: whole characters only, and nothing of a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["TextStream"]

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class TextStream:
    """The text of one answer while its tokens come.

    Example:
        >>> stream = TextStream(lambda ids: bytes(ids).decode(errors="replace"), stop=("END",))
        >>> [stream.push(byte) for byte in "né EN".encode()]
        ['n', '', 'é', ' ', '', '']
        >>> stream.push(ord("D")), stream.stopped, stream.text
        ('', True, 'né ')
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: tuple[str, ...] = ()) -> None:
        self.stopped = False
        """Whether a stop string ended the text."""
        self._decode = decode
        self._stop = tuple(text for text in stop if text)
        self._window: list[int] = []
        """The last tokens: some whose text is known, for what follows depends on them, then those not shown yet."""
        self._known = 0
        self._known_text = ""
        self._held = ""
        """Text that may be the beginning of a stop string."""
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """All that was handed out."""
        return "".join(self._pieces)

    def push(self, token: int) -> str:
        """Take one token; what can be shown now, which may be nothing."""
        self._window.append(token)
        text = self._decode(self._window)
        if len(text) <= len(self._known_text) or text.endswith(_INCOMPLETE):
            return ""
        piece = text[len(self._known_text) :]
        self._window = self._window[self._known :]
        self._known = len(self._window)
        self._known_text = self._decode(self._window)
        return self._hand_out(piece)

    def close(self) -> str:
        """No token will follow: what was held back."""
        if self.stopped:
            return ""
        piece = self._hand_out(self._decode(self._window)[len(self._known_text) :])
        if self.stopped:
            return piece
        self._pieces.append(self._held)
        return piece + self._held

    def _hand_out(self, piece: str) -> str:
        text = self._held + piece
        ends = [place for place in (text.find(stop) for stop in self._stop) if place >= 0]
        if ends:
            self.stopped = True
            shown, self._held = text[: min(ends)], ""
        else:
            kept = max((_overlap(text, stop) for stop in self._stop), default=0)
            shown, self._held = text[: len(text) - kept], text[len(text) - kept :]
        self._pieces.append(shown)
        return shown


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a beginning of `stop`."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)
