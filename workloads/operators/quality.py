"""How far fields are from reference solutions, and how far from fulfilling the equation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from workloads.runtime.task import Arrays, Batch, Quality


class OperatorQuality(Quality):
    """Scores of each function as rows: they come together in the functions' order, so that sums are the same for any
    number of ranks. ``score`` gives them by name, (n,) each.
    """

    differentiates = True

    def __init__(
        self, outputs: Sequence[str], judged: Sequence[str], score: Callable[[nn.Module, Batch], Mapping[str, Tensor]]
    ) -> None:
        self.outputs, self.judged, self.score = outputs, judged, score

    def update(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Keep a batch's scores."""
        return {name: values.detach().double() for name, values in self.score(model, batch).items()}

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Nothing: all is kept as rows."""
        return np.zeros(0)

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """The metrics, see ``whole_scores``."""
        return whole_scores(rows, self.outputs, self.judged)


def squared_sums(made: Tensor, truth: Tensor, outputs: Sequence[str]) -> dict[str, Tensor]:
    """Each function's squared "error/OUTPUT" and "norm/OUTPUT" (n,), of fields (n, outputs, …) in double precision."""
    errors = (made.double() - truth.double()).square().flatten(2).sum(2)
    norms = truth.double().square().flatten(2).sum(2)
    return {
        f"{kind}/{name}": sums[:, place]
        for kind, sums in (("error", errors), ("norm", norms))
        for place, name in enumerate(outputs)
    }


def whole_scores(rows: Arrays, outputs: Sequence[str], judged: Sequence[str]) -> dict[str, float]:
    """The metrics of a set from its functions' rows (N,).

    "relative_l2" is a function's error over its solution's norm, of the ``judged`` outputs together, averaged over
    functions; "relative_l2_worst" the greatest of them; "relative_l2_pooled" has all functions in one norm, as DeepXDE
    reports it. Where there are several outputs, each has its own, such as "relative_l2_p". "residual" and "condition"
    are the two parts of the loss, on these functions.
    """

    def each(names: Sequence[str]) -> npt.NDArray[np.float64]:
        return np.sqrt(sum(rows[f"error/{name}"] for name in names) / sum(rows[f"norm/{name}"] for name in names))

    errors = each(judged)
    found = {
        "relative_l2": errors.mean(),
        "relative_l2_worst": errors.max(),
        "relative_l2_pooled": np.sqrt(
            sum(rows[f"error/{name}"].sum() for name in judged) / sum(rows[f"norm/{name}"].sum() for name in judged)
        ),
        "residual": rows["residual"].mean(),
        "condition": rows["condition"].mean(),
    }
    if len(outputs) > 1:
        found |= {f"relative_l2_{name}": each([name]).mean() for name in outputs}
    return {name: float(value) for name, value in found.items()}
