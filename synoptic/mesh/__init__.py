"""From a radiance field to files that others open. Needs the extra `mesh`: trimesh, Embree, xatlas and their like."""

from __future__ import annotations

from importlib.util import find_spec

from synoptic.errors import install_command

REQUIRED_PACKAGES = ("trimesh", "embreex", "xatlas", "fast_simplification", "skimage")


def require_mesh() -> None:
    """Raises ImportError where a mesh cannot be made. Loads nothing: ask before the long work starts."""
    missing = [name for name in REQUIRED_PACKAGES if find_spec(name) is None]
    if missing:
        raise ImportError(f"a mesh needs {', '.join(missing)}, not installed here: {install_command('mesh')}")
