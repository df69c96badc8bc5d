"""Django's settings of the processes of the simulation: short leases, and sequencing after commits or not."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

MODELSYNC = {
    "push": {"allow_private_targets": True, "timeout": 5.0, "lease": 8.0},
    "sequence_on_commit": os.environ.get("SIMULATION_SEQUENCES") != "never",
}
