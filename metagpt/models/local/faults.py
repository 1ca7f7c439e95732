"""What goes wrong below a local model, said so that it can be mended."""

from __future__ import annotations

import errno

import torch

from metagpt.errors import ConfigError, MetaGPTError, ModelError, ModelUnavailableError

__all__ = ["as_model_error", "while_loading"]

_OFFLINE = ("couldn't connect", "offline", "connection error", "cannot send a request", "max retries", "name resolution")
_GATED = ("gated repo", "401 client error", "403 client error", "private repository")
_OWN_CODE = ("trust_remote_code", "custom code")
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def as_model_error(owner: str, error: Exception) -> ModelError:
    """The error of the tree for one that was raised while a model answered; the original is its `__cause__`."""
    if isinstance(error, ModelError):
        return error
    reason = f"{type(error).__name__}: {_first_line(error)}"
    if _is_out_of_memory(error):
        mend = "Set a smaller max_batch or context_tokens, a 16-bit dtype, or ask for fewer candidates."
        return _unavailable(f"{owner}: out of memory while answering ({reason}). {mend}", error)
    return _unavailable(f'{owner}: failed while answering ({reason}). Try device = "cpu", or another model.', error)


def while_loading(owner: str, error: Exception) -> MetaGPTError:
    """The error of the tree for one that was raised while a model was loaded; the original is its `__cause__`."""
    if isinstance(error, ModelError | ConfigError):
        return error
    return _unavailable(f"{owner}: {_loading_fault(error)} (found: {type(error).__name__}: {_first_line(error)})", error)


def _loading_fault(error: Exception) -> str:
    text = str(error).lower()
    if _is_out_of_memory(error):
        return 'too big for the memory there is. Set dtype = "int8" or "bfloat16", or another device, or take a smaller model.'
    if any(sign in text for sign in _GATED):
        return "its owner asks for an agreement or a token. Agree on its page, set HF_TOKEN, or take another model."
    if any(sign in text for sign in _OFFLINE):
        return "not in the local cache, and the model hub cannot be reached. Go online once, or give the path of a folder."
    if "not a valid model identifier" in text:
        return "neither a folder nor a model of the hub. Check the name, or give the path of a folder."
    if any(sign in text for sign in _OWN_CODE):
        return "needs program code of its own, which is never run. Take a model of an architecture that transformers has."
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "no room left on the disk for its files. Make room, or set HF_HOME to a larger one."
    if isinstance(error, ImportError):
        return "a library it needs is missing. Install that library, or take another model."
    if "size mismatch" in text:
        return "weights that do not fit config.json. Put back the config.json that they were saved with, or get all files anew."
    if "safetensors" in text or "safetensor" in type(error).__name__.lower():
        return "no weights that can be read as safetensors. Get the files anew, or take a model saved as safetensors."
    return "no causal language model, with its tokenizer, that transformers can load. Check the name and the files, or take another model."


def _unavailable(text: str, cause: Exception) -> ModelUnavailableError:
    error = ModelUnavailableError(text)
    error.__cause__ = cause
    return error


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _OUT_OF_MEMORY)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
