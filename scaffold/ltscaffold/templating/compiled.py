"""Compiled templates in the user's cache: Jinja takes half of a command's time to compile them."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

from ltscaffold.templating.cache import cache_root

DIGEST_BYTES = 32


class CompiledTemplates(BytecodeCache):
    """A folder with the byte code of templates, which Jinja compares with their source.

    Args:
        compiler: the code that determines the byte code, besides Jinja and Python.
    """

    def __init__(self, compiler: bytes) -> None:
        digest = hashlib.sha256(jinja2.__version__.encode() + compiler)
        self._folder = cache_root() / f"compiled-{digest.hexdigest()[:16]}"

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return the name of a file; a path may be in no encoding."""
        return hashlib.sha256(os.fsencode(f"{name}|{filename}")).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load the byte code of a template; a damaged file counts as none."""
        with suppress(OSError):
            content = self._path(bucket).read_bytes()
            digest, code = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
            if hashlib.sha256(code).digest() == digest:
                bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write the byte code of a template; without space for it, nothing is written."""
        code, path = bucket.bytecode_to_string(), self._path(bucket)
        temporary = path.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(exist_ok=True)
            temporary.write_bytes(hashlib.sha256(code).digest() + code)
            os.replace(temporary, path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()

    def _path(self, bucket: Bucket) -> Path:
        return self._folder / bucket.key
