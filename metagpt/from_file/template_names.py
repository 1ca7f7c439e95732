"""The names and fields that a template of a file uses, against those that there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from metagpt.errors import did_you_mean
from metagpt.message import Message

if TYPE_CHECKING:
    from jinja2 import nodes

__all__ = ["template_faults"]


def template_faults(tree: nodes.Template, names: Mapping[str, tuple[type[Message], ...]]) -> Iterator[tuple[int, str]]:
    """Row and sentence for each name and field that cannot be there.

    Args:
        tree: What the text was parsed to.
        names: The names that have a value, each with the types it may be of; none where that is not known.
    """
    from jinja2 import nodes

    used = list(tree.find_all(nodes.Name))
    own = {name.name for name in used if name.ctx != "load"}
    for name in used:
        if name.name not in names and name.name not in own:
            yield name.lineno, f"found the name {name.name!r}; expected that of a message that is heard. {did_you_mean(name.name, names)}"
    for node in tree.find_all(nodes.Getattr):
        owner = node.node
        if isinstance(owner, nodes.Name) and owner.name not in own and names.get(owner.name):
            fields = {field for cls in names[owner.name] for field in cls.model_fields}
            if node.attr not in fields:
                yield node.lineno, f"found {owner.name}.{node.attr}; expected one of its fields. {did_you_mean(node.attr, fields)}"
