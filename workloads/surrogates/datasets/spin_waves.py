"""spin_waves: what neutrons see of a magnet's waves, from its couplings, as frames of 96 energies by 160 wave
vectors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workloads.surrogates.datasets.numbers import NumbersDataset
from workloads.surrogates.solvers.spin_waves import NAMES, draw_parameters, neutron_frame


class SpinWavesDataset(NumbersDataset):
    """Couplings J1, J2, J3 and D to a frame (1, energies, waves)."""

    SET = "spin_waves"
    MADE_OF = (*NumbersDataset.MADE_OF, "energies", "waves", "resolution")

    @property
    def numbers(self) -> int:
        """The couplings."""
        return len(NAMES)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """A frame."""
        return 1, int(self.settings["energies"]), int(self.settings["waves"])

    def simulate(self, random: np.random.Generator, count: int) -> dict[str, NDArray[np.float64]]:
        """Draw couplings and find their frames."""
        parameters = draw_parameters(count, random)
        _, energies, waves = self.target_shape
        frames = neutron_frame(parameters, energies, waves, float(self.settings["resolution"]))
        return {"input": parameters, "target": frames[:, None]}
