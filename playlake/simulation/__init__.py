"""Realistic video-play traffic, reproducible from a seed, with its own ground truth.

    simulation = Simulation(Scenario(until=date(2026, 3, 31)))
    for request in simulation.requests():
        ...
    simulation.truth().daily_plays(date(2026, 3, 1), date(2026, 3, 31))

Pure: no I/O and no clock.
"""

from .faults import REASONS
from .scenario import Scenario, SimulatedRequest
from .simulation import Simulation
from .truth import Totals, Truth

__all__ = ["REASONS", "Scenario", "SimulatedRequest", "Simulation", "Totals", "Truth"]
