"""Run notebooks from top to bottom and store what their cells show, pictures as small JPEGs.

pip install nbclient ipykernel
python examples/store_outputs.py examples/text_to_3d.ipynb
"""

from __future__ import annotations

import base64
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

WIDTH, QUALITY = 900, 80  # of stored pictures


def stored(output: Any) -> Any | None:
    """Return an output as it is stored, a picture as a JPEG; None for what went to the error stream."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    picture = output.get("data", {}).get("image/png")
    if picture is None:
        return None
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    image.thumbnail((WIDTH, 10 * WIDTH), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=QUALITY)
    return nbformat.v4.new_output("display_data", {"image/jpeg": base64.b64encode(data.getvalue()).decode()})


def execute(path: Path) -> None:
    """Run a notebook in a folder of its own and write it with its outputs."""
    notebook = nbformat.read(path, 4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=3600, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [kept for output in cell.outputs if (kept := stored(output))]
            cell.execution_count = None
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


for name in sys.argv[1:]:
    execute(Path(name))
