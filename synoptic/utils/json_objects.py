"""What a JSON file holds. Imports nothing heavy."""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]  # as `json.loads` gives it: nothing is known of its values before they are checked
