"""What is wrong with a document, as the error that the command line and the program print."""

from __future__ import annotations

from components.documents import DocumentError
from groundwork.errors import UserError


def as_user_error(error: DocumentError) -> UserError:
    """One problem as it is; several as a list."""
    first, *more = error.problems
    if not more:
        return UserError(what=first.what, where=first.where, allowed=first.allowed, fix=first.fix)
    return UserError(what=f"{len(error.problems)} problems\n{error}")
