"""Tests and benches. Both find the packages that images are made of: nothing else installs these here."""

import sys
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "images"
for image in ("agent-runtime", "authorizer", "domains", "secret-rotator"):
    sys.path.append(str(IMAGES / image))
