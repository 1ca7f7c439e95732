"""Models in this process: a Transformer from a folder or a model hub, batched over all roles.

Importing this package loads neither torch nor transformers; the first request does.
"""

from metagpt.models.local.model import LocalModel, open_embedded, open_local

__all__ = ["LocalModel", "open_embedded", "open_local"]
