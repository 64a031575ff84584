"""group_cnn: a network whose layers turn with the image, and whose answer therefore stays."""

from __future__ import annotations

from pathlib import Path

from orchestrator.records.settings import Settings
from workloads.rotations.task import RotationsTask


class GroupCnn(RotationsTask):
    """Trained on images as they are."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder)
        self.group = str(settings["model"]["group"])
