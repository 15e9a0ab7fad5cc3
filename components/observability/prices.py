"""What things cost: figures of whoever runs the environment, each with where it is from.  (docs/cost.md)"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.documents import StrictModel

Amount = Annotated[float, Field(ge=0)]


class ModelPrice(StrictModel):
    """What a million tokens of one model cost."""

    input_per_million_tokens: Amount
    output_per_million_tokens: Amount


class Prices(StrictModel):
    """The price table. What is left out has no price, and is reported as used, not as free.

    `source`: where the figures are from: a price list and its date, or an account's own calculation. `models`: by the
    name in agents' manifests; a model that is not here costs what its manifest says. A month has 730 hours.
    """

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    source: Annotated[str, Field(min_length=1, max_length=500)]
    cpu_core_hour: Amount | None = None
    memory_gib_hour: Amount | None = None
    storage_gib_month: Amount | None = None
    models: dict[str, ModelPrice] = Field(default_factory=dict)
