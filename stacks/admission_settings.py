"""What stands under `admission:` in an environment's settings.  (docs/admission.md)"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.documents import StrictModel


class AdmissionSettings(StrictModel):
    """The layer `admission`. `replicas`: of Gatekeeper; by default one on a machine of ours, two elsewhere."""

    replicas: Annotated[int, Field(ge=1, le=5)] | None = None
