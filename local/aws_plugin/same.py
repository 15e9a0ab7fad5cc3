"""Whether what a program gave and what the account has mean the same, though they may be written in other ways."""

from __future__ import annotations

import json

from local.plugin.values import Json, Object, Secret, Unknown, has_secret, plain


def same(given: Json, live: Json) -> bool:
    """Lists in any order, documents by their content, numbers and flags also as text; `live` may have more keys."""
    given, live = plain(given), plain(live)
    if isinstance(given, Unknown) or isinstance(live, Unknown):
        return False
    if isinstance(given, dict) and isinstance(live, dict):
        return all(_same_member(item, live.get(key)) for key, item in given.items())
    if isinstance(given, list) and isinstance(live, list):
        return len(given) == len(live) and _matched(given, live)
    if isinstance(given, str) and isinstance(live, str):
        return given == live or _same_text(given, live)
    if isinstance(given, bool) or isinstance(live, bool):
        return str(given).lower() == str(live).lower()
    return bool(given == live) or (not isinstance(given, dict | list) and str(given) == str(live))


def _same_member(given: Json, live: Json) -> bool:
    if live is None:  # an API leaves out what is empty
        return given in (None, "", [], {}, False, 0)
    return same(given, live)


def _matched(given: list[Json], live: list[Json]) -> bool:
    rest = list(live)
    for item in given:
        at = next((index for index, other in enumerate(rest) if same(item, other)), None)
        if at is None:
            return False
        del rest[at]
    return True


def _same_text(given: str, live: str) -> bool:
    if given[:1] in ("{", "[") and live[:1] in ("{", "["):
        try:
            return bool(_canonical(json.loads(given)) == _canonical(json.loads(live)))
        except ValueError:
            return False
    if given.startswith("arn:") != live.startswith("arn:"):  # an id stands for the whole name
        long, short = (given, live) if given.startswith("arn:") else (live, given)
        return long.endswith((f"/{short}", f":{short}"))
    if _number(given) is not None and _number(given) == _number(live):
        return True
    return given.rstrip(".").lower() == live.rstrip(".").lower() if given.endswith(".") or live.endswith(".") else False


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _canonical(value: Json) -> Json:
    """A policy's one-element lists and their elements mean the same."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        items = sorted((_canonical(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
        return items[0] if len(items) == 1 else items
    return value


def seen(given: Object, live: Object) -> Object:
    """`given` as it is now: what still means the same stays as it was written, the rest is the account's.

    A property that the account has lost (its live value is None) is left out.
    """
    found: Object = {}
    for key, value in given.items():
        if key not in live:
            found[key] = value
        elif live[key] is None:
            if value in ([], {}, "", False):
                found[key] = value
        elif same(value, live[key]) and (key != "tags" or plain(value) == live[key]):
            found[key] = value
        else:
            found[key] = Secret(live[key]) if has_secret(value) else live[key]
    return found
