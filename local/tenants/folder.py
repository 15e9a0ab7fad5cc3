"""A tenant's files in the checkout: its folder, and what one environment sets otherwise."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import JsonValue, TypeAdapter, ValidationError

from components.documents import DocumentError, Reader, compose, read_text
from components.problems import as_user_error
from components.units import NAME
from groundwork.errors import UserError
from groundwork.files import write_atomically
from stacks.settings import PREFIX
from stacks.tenant_settings import AGENTS, FILE, TENANTS, TenantName, read_folder, tenant_folder

TEMPLATE = Path(__file__).parent / "template"
# What belongs to one tenant and cannot be another's too.
OWN_KEYS = ("hosts", "suspended")
Files = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a new tenant begins with. `like`: another tenant of the checkout, or any folder laid out as one.

    `settings`: keys of tenant.yaml.
    """

    like: str | None = None
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    suspended: str | None = None

    @classmethod
    def parse(cls, like: str | None, settings: Sequence[str]) -> Wish:
        """From `key=value` as they are typed, the values in YAML. Raises UserError."""
        found: dict[str, JsonValue] = {}
        for text in settings:
            key, sign, value = text.partition("=")
            if not sign:
                raise UserError(what=f"{text!r} sets nothing", allowed="KEY=VALUE, such as costCentre=research")
            try:
                found[key] = Reader(key).value(compose(value, key))
            except DocumentError as error:
                raise as_user_error(error) from None
        suspension = found.pop("suspended", None)
        if suspension is None:
            return cls(like=like, settings=found)
        reason = suspension.get("reason") if isinstance(suspension, dict) else suspension
        return cls(like=like, settings=found, suspended=str(reason))


def check_name(name: str) -> str:
    """The name; UserError where no tenant can have it."""
    try:
        return TypeAdapter[str](TenantName).validate_python(name)
    except ValidationError as error:
        context = error.errors()[0].get("ctx", {})
        raise UserError(what=str(context.get("what", name)), allowed=str(context.get("allowed", NAME))) from None


def begin(name: str, wish: Wish, checkout: Path) -> bool:
    """Write the folder of a new tenant; False where it has one, which is left as it is. Raises UserError."""
    check_name(name)
    if (tenant_folder(name, checkout) / FILE).is_file():
        return False
    return write_folder(name, _files(name, wish, checkout), checkout)


def write_folder(name: str, files: Files, checkout: Path) -> bool:
    """Make the tenant's folder of `files` (path → text), whole or not at all; False where there is one.

    Raises UserError where the files are no tenant's.
    """
    target = tenant_folder(name, checkout)
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}.") as made:
        beside = Path(made) / name
        for path, text in files.items():
            write_atomically(beside / path, text)
        (beside / AGENTS).mkdir(exist_ok=True)
        read_folder(beside, name, f"{TENANTS}/{name}", {})
        try:
            beside.rename(target)
        except OSError:  # made by another run meanwhile
            return False
    return True


def read_files(folder: Path) -> dict[str, str]:
    """The files that make up a tenant, by their paths in its folder."""
    found = [folder / FILE, *sorted((folder / AGENTS).glob("*.yaml"))]
    return {str(file.relative_to(folder)): read_text(file, str(file)) for file in found}


def remove_folder(name: str, checkout: Path) -> None:
    """Take the tenant's folder away. Its settings go first: what is left of a kill is no tenant."""
    folder = tenant_folder(name, checkout)
    (folder / FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def renamed(text: str, name: str) -> str:
    """A tenant.yaml for another name, without what belongs to the first alone; comments are not kept."""
    document = yaml.safe_load(text)
    kept = {key: value for key, value in document.items() if key not in OWN_KEYS}
    return yaml.safe_dump(kept | {"name": name}, sort_keys=False, allow_unicode=True)


def set_override(file: Path, key: str, value: JsonValue) -> None:
    """Set one key of a stack's file; every other line, comments too, stays as it is."""
    text = file.read_text("utf-8") if file.exists() else "config:\n"
    lines = _without(text, key)
    shown = yaml.safe_dump(value, default_flow_style=True, width=10**6).strip()
    place = next((row for row, line in enumerate(lines) if line.rstrip() in {"config:", "config: {}"}), None)
    if place is None:
        lines, place = [*lines, "config:"], len(lines)
    lines[place] = "config:"
    lines.insert(place + 1, f"  {PREFIX}{key}: {shown}")
    write_atomically(file, "\n".join(lines) + "\n")


def remove_override(file: Path, key: str) -> None:
    """Remove one key of a stack's file, and the file where nothing is left in it."""
    if not file.exists():
        return
    lines = _without(file.read_text("utf-8"), key)
    document: object = yaml.safe_load("\n".join(lines))
    empty = document is None or (isinstance(document, dict) and not any(document.values()))
    if empty and not any(line.lstrip().startswith("#") for line in lines):
        file.unlink()
        return
    if isinstance(document, dict) and document.get("config", {}) is None:
        lines = ["config: {}" if line.rstrip() == "config:" else line for line in lines]
    write_atomically(file, "\n".join(lines) + "\n")


def _without(text: str, key: str) -> list[str]:
    """The lines of a stack's file without those of one of our keys."""
    lines = text.rstrip("\n").split("\n")
    root = compose(text, "settings")
    for name, item in root.value if isinstance(root, yaml.MappingNode) else ():
        if name.value != "config" or not isinstance(item, yaml.MappingNode):
            continue
        for found, value in item.value:
            if found.value == f"{PREFIX}{key}":
                return lines[: found.start_mark.line] + lines[_last_line(value) + 1 :]
    return lines


def _last_line(node: yaml.Node) -> int:
    """Where a value ends. YAML puts the end of an indented one at what comes after it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(node, yaml.MappingNode) else last)
    line: int = node.end_mark.line
    return line if node.end_mark.column else line - 1


def _files(name: str, wish: Wish, checkout: Path) -> dict[str, str]:
    if wish.like is None:
        files = read_files(TEMPLATE)
        text = files[FILE].replace("COST_CENTRE", name).replace("NAME", name)
    else:
        files = read_files(_source(wish.like, checkout))
        text = renamed(files[FILE], name)
    return files | {FILE: _changed(text, wish.settings)}


def _changed(text: str, changes: Mapping[str, JsonValue]) -> str:
    """The document with other values of some keys; without changes as it is, comments too."""
    document = yaml.safe_load(text)
    if all(document.get(key) == value for key, value in changes.items()):
        return text
    head = "".join(line + "\n" for line in text.splitlines() if line.startswith("#"))
    return head + yaml.safe_dump(document | dict(changes), sort_keys=False, allow_unicode=True)


def _source(like: str, checkout: Path) -> Path:
    for folder in (tenant_folder(like, checkout), Path(like)):
        if (folder / FILE).is_file():
            read_folder(folder, folder.resolve().name, str(folder), {})
            return folder
    raise UserError(
        what=f"there is no tenant and no folder {like!r} to begin from",
        allowed=f"a tenant's name, or a folder with {FILE} and {AGENTS}/*.yaml",
    )
