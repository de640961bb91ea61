"""Paths as the configuration writes them: relative to ServerRoot unless absolute."""

from __future__ import annotations

import os


def server_relative(server_root: str, path: str) -> str:
    """``path`` below ``server_root`` (or itself, where absolute), without ``.``, ``..`` and doubled slashes.

    A trailing slash stays, for messages show it. (ap_server_root_relative)
    """
    if path[:1] == "/" and "//" not in path and "/." not in path:
        return path
    joined = os.path.join(server_root, path)
    normal = os.path.normpath(joined).replace("//", "/", 1)
    names_directory = joined.endswith(("/", "/.", "/..")) and normal != "/"
    return f"{normal}/" if names_directory else normal
