"""What admission would say of a stack's objects: Gatekeeper's own engine on their manifests, with no cluster."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from groundwork.errors import ExitCode, UserError
from policies.admission.templates import held, kind_of, manifests
from policies.rule import Resource, Value, at, items

# On each object while it is looked at: gator gives back what it found fault with, and this says which that was.
_NUMBER = "groundwork/number"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One violation. `policy`: the id that rule and constraint share."""

    policy: str
    urn: str
    message: str


def objects_of(resources: Sequence[Resource]) -> list[Resource]:
    """The objects that some rule of admission is about, as far as they are written out."""
    return [each for each in resources if each.at("apiVersion") and any(rule.concerns(each.type) for rule in held())]


def refusals(gator: Path, resources: Sequence[Resource]) -> tuple[Refusal, ...]:
    """What would be refused or warned of, asked of all objects together. Raises UserError where gator cannot tell."""
    objects = objects_of(resources)
    if not objects:
        return ()
    with tempfile.TemporaryDirectory(prefix="gwg") as name:
        folder = Path(name)
        (folder / "rules.yaml").write_text(yaml.dump_all([dict(each) for each in manifests()], Dumper=_Dumper))
        written = [_numbered(each.props, number) for number, each in enumerate(objects)]
        (folder / "objects.yaml").write_text(yaml.dump_all(written, Dumper=_Dumper))
        command = [str(gator), "test", "--filename", name, "--output", "json"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answer: Value = json.loads(ended.stdout or "null")
    except ValueError:
        answer = None
    # It ends with 1 where something is refused, and where it could not read a rule or an object.
    if not isinstance(answer, list) and (ended.returncode != 0 or answer is not None):
        raise UserError(
            what=ended.stderr.strip()[-2000:] or f"gator ended with {ended.returncode} and said nothing",
            where="admission",
            fix="mend the rule or the object that it names (policies/admission)",
            code=ExitCode.ERROR,
        )
    ids = {kind_of(rule): rule.id for rule in held()}
    return tuple(_refusal(row, objects, ids) for row in items(answer))


def _refusal(row: Value, objects: Sequence[Resource], ids: Mapping[str, str]) -> Refusal:
    number = int(str(at(row, "violatingObject", "metadata", "annotations", _NUMBER)))
    return Refusal(policy=ids[str(at(row, "constraint", "kind"))], urn=objects[number].urn, message=str(at(row, "msg")))


def _numbered(props: Value, number: int) -> Value:
    found = dict(props) if isinstance(props, Mapping) else {}
    metadata = dict(found["metadata"]) if isinstance(found.get("metadata"), Mapping) else {}
    notes = metadata.get("annotations")
    metadata["annotations"] = {**(notes if isinstance(notes, Mapping) else {}), _NUMBER: str(number)}
    return {**found, "metadata": metadata}


class _Dumper(yaml.SafeDumper):
    """Says twice what stands in two places: gator takes no anchors of that many."""

    def ignore_aliases(self, _data: object) -> bool:
        return True
