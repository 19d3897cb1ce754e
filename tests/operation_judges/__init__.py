"""Who judges the reference of each operation: somebody who did not write it.

`JUDGES` has one entry for every operation. A judge takes the attributes as they stand in a spec; one that a spec leaves
out is left to the judge's own default, if it has one, so that defaults are judged, too.
"""

from __future__ import annotations

from typing import Final

from . import arrangement, elements, layers, training, windows
from .common import Judge

__all__ = ["JUDGES", "Judge"]

JUDGES: Final[dict[str, Judge]] = {
    **windows.JUDGES,
    **elements.JUDGES,
    **arrangement.JUDGES,
    **layers.JUDGES,
    **training.JUDGES,
}
