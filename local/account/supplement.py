"""Operations that moto lacks, added to its server: each keeps what it is given and gives it back, as AWS documents it.

They are listed in docs/rehearsal.md, and a rehearsal's report counts them: nothing passes for moto's that is not.
"""

from __future__ import annotations

import datetime
import importlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import botocore.session
from botocore.model import OperationModel
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import camelcase_to_underscores

Object: TypeAlias = dict[str, Any]  # what requests and answers hold is the API's, of as many shapes as there are


@dataclass
class RefusedError(Exception):
    """What the API would refuse, by its own code."""

    code: str
    message: str


@dataclass
class State:
    """What one account has of one API in one region. `tables`: kind → key → item."""

    account: str
    region: str
    tables: dict[str, dict[tuple[str, ...], Object]] = field(default_factory=dict)

    def table(self, kind: str) -> dict[tuple[str, ...], Object]:
        """The items of a kind."""
        return self.tables.setdefault(kind, {})

    def get(self, kind: str, *key: str, missing: str = "ResourceNotFoundException") -> Object:
        """One item. Raises the API's error where there is none."""
        found = self.table(kind).get(key)
        if found is None:
            raise RefusedError(missing, f"No {kind} found for {'/'.join(key)}")
        return found

    def add(self, kind: str, *key: str, item: Object, exists: str = "ResourceInUseException") -> Object:
        """Keep a new item. Raises the API's error where there is one already."""
        if key in self.table(kind):
            raise RefusedError(exists, f"{kind} {'/'.join(key)} already exists")
        self.table(kind)[key] = item
        return item

    def drop(self, kind: str, *key: str, missing: str = "ResourceNotFoundException") -> Object:
        """Forget an item. Raises the API's error where there is none."""
        found = self.get(kind, *key, missing=missing)
        del self.table(kind)[key]
        return found

    def tagged(self, arn: str) -> Object | None:
        """The item of that name; None where it is not one of ours."""
        return next(
            (item for table in self.tables.values() for item in table.values() if item.get("_arn") == arn), None
        )


def now() -> datetime.datetime:
    """For what an item says of its age."""
    return datetime.datetime.now(datetime.UTC)


def short() -> str:
    """A name that no other item has."""
    return uuid.uuid4().hex[:16]


def public(item: Object) -> Object:
    """What the API tells of an item."""
    return {key: value for key, value in item.items() if not key.startswith("_")}


Method: TypeAlias = Callable[[BaseResponse], object]
Operation: TypeAlias = Callable[[State, Object, BaseResponse], Object | None]


def add(api: str, package: str, operations: Mapping[str, Operation], response: str) -> None:
    """Add operations to moto's `package`, which serves botocore's `api`. `response`: moto's class that answers."""
    model = botocore.session.get_session().get_service_model(api)
    answers = getattr(importlib.import_module(f"moto.{package}.responses"), response)
    urls = importlib.import_module(f"moto.{package}.urls")
    dispatch = next(iter(urls.url_paths.values()))
    states: dict[tuple[str, str], State] = {}
    for name, operation in operations.items():
        described = model.operation_model(name)
        method = camelcase_to_underscores(name)
        # moto finds an error's form by the module of its class.
        error = type("RefusalError", (ServiceException,), {"__module__": f"moto.{package}.exceptions"})
        setattr(answers, method, _method(operation, described, states, error, getattr(answers, method, None)))
        if model.protocol in ("rest-json", "rest-xml"):
            path = re.sub(r"\{(\w+)\+?\}", r"(?P<\1>.+?)", described.http["requestUri"].partition("?")[0])
            urls.url_paths.setdefault(f"{{0}}{path}/?$", dispatch)


def _method(
    operation: Operation,
    described: OperationModel,
    states: dict[tuple[str, str], State],
    error: type[Exception],
    otherwise: Method | None,
) -> Method:
    def method(self: BaseResponse) -> object:
        key = (self.current_account, self.region)
        state = states.setdefault(key, State(*key))
        try:
            found = operation(state, _parameters(self, described), self)
        except NotOursError:
            if otherwise is None:
                raise
            return otherwise(self)
        except RefusedError as refused:
            raise error(refused.code, refused.message) from None
        return EmptyResult() if found is None else ActionResult(found)

    return method


class NotOursError(Exception):
    """The request is about something that moto itself keeps."""


def _parameters(response: BaseResponse, described: OperationModel) -> Object:
    """The request's parameters, wherever the API has them: body, path or query."""
    shape = described.input_shape
    found: Object = {}
    body: Object = {}
    protocol = described.service_model.protocol
    if response.automated_parameter_parsing:
        body = dict(response.params)
    elif protocol == "query":
        body = response._get_params()
    elif protocol in ("json", "rest-json") and response.body:
        body = json.loads(response.body)
    for name, member in (shape.members if shape is not None else {}).items():
        wire = member.serialization.get("name", name)
        location = member.serialization.get("location")
        if location == "uri":
            value = response.uri_match.get(wire, response.uri_match.get(name))
        elif location == "querystring":
            value = (response.querystring.get(wire) or [None])[0]
        else:
            value = body.get(wire, body.get(name))
        if value is not None:
            found[name] = value
    return found
