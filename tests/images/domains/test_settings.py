from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import JsonValue, ValidationError

from domains_operator.settings import StartError, read
from tests.images.domains.samples import DOMAIN, settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"zones": []}, "zones"),
        ({"zones": [{"name": DOMAIN, "tenant": "acme"}]}, "the first is the environment's own"),
        ({"zones": [{"name": DOMAIN}, {"name": DOMAIN}]}, "a name stands twice"),
        ({"zones": [{"name": "Not.A.Zone"}]}, "zones"),
        ({"issuer": "acme"}, "acme: is missing"),
        ({"issuer": "acme", "acme": {"directory": "http://plain"}}, "directory"),
        ({"addresses": ["nowhere"]}, "addresses"),
        ({"pace": {"retry": 0}}, "retry"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_is_refused(changes: dict[str, JsonValue], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**changes)


def test_every_problem_of_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"zones": [], "port": 0}))
    with pytest.raises(StartError) as caught:
        read(file)
    for key in ("zones", "port", "addresses", "resolvers", "servers"):
        assert key in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="No such file"):
        read(tmp_path / "none.json")
