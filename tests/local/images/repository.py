"""A small repository with one image, for tests."""

from __future__ import annotations

from pathlib import Path

DOCKERFILE = """\
ARG BASE
FROM ${BASE}
COPY src/app images/hello/settings.txt /app/
USER 65532:65532
CMD ["/bin/true"]
"""


def make(root: Path, dockerfile: str = DOCKERFILE) -> Path:
    """Write the repository and return its root."""
    for name, text in {
        "images/hello/Dockerfile": dockerfile,
        "images/hello/settings.txt": "colour=blue\n",
        "images/builder/Dockerfile": "ARG BASE\nFROM ${BASE}\n",
        "src/app/main.py": "print('hello')\n",
        "src/app/deep/down.txt": "x",
        "src/other.py": "not copied",
    }.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return root
