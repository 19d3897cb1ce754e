"""How a network is run."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """In which of its states a network is run; one adds to the other."""

    EVALUATION = "evaluation"
    """As it is used: without the outputs that exist only in training, and the steps that only these need."""
    AUXILIARY = "auxiliary"
    """With these, all else as in evaluation."""
    TRAINING = "training"
    """Normalizations use the statistics of the batch, and keep them."""
