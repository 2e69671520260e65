"""Muon pairs from Pythia 8 in a simple detector simulation. Needs the extra ``pythia``."""

from itertools import pairwise
from types import ModuleType

import numpy as np

from hone.analysis.distributions import WEIGHT
from hone.analysis.samples import Dimuons
from hone.analysis.settings import plain
from hone.errors import InputError

__all__ = ["detect", "simulate"]

_ENERGY = 13_600.0
"""Centre-of-mass energy in GeV."""
_MUON_MASS = 0.10566
_PROCESSES = {
    "drell_yan": ["WeakSingleBoson:ffbar2gmZ = on", "23:onMode = off", "23:onIfAny = 13"],
    "zprime": [
        "NewGaugeBoson:ffbar2gmZZprime = on", "Zprime:gmZmode = 3",
        "32:onMode = off", "32:onIfAny = 13",
    ],
}  # fmt: skip
_RESOLUTION = (0.015, 4e-5)
"""Relative momentum resolution: constant term, and slope per GeV."""
_MAX_ETA, _MIN_PT = 2.5, 30.0


def simulate(settings: Dimuons, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True momenta of both muons, in GeV, and weights of the collisions.

    The hard process of Pythia 8 (C. Bierlich et al., SciPost Phys. Codebases 8), without showers:
    the pair has no transverse momentum. Weights are in proportion to the cross-section of a slice,
    as Pythia finds it, and 1 on average.

    Args:
        settings: what is collided.
        seed: Pythia's, from 1 to 900,000,000; of the first slice, others have the next ones.

    Returns:
        float64 (events, 2, 3): negative and positive muon; px, py, pz; and float64 (events,).

    Raises:
        InputError: Pythia is not installed, or refuses its settings.
    """
    edges = [settings.minimum_mass, *settings.slices, -1.0]  # -1 is no limit
    size = settings.events // (len(edges) - 1)
    slices = [
        _slice(settings, size, mass, (seed + place - 1) % 900_000_000 + 1)
        for place, mass in enumerate(pairwise(edges))
    ]
    sections = np.array([section for _, section in slices])
    weights = np.repeat(sections / sections.mean(), size)
    return np.concatenate([momenta for momenta, _ in slices]), weights


def _slice(
    settings: Dimuons, size: int, mass: tuple[float, float], seed: int
) -> tuple[np.ndarray, float]:
    """Momenta (size, 2, 3) of collisions in a range of masses, and their cross-section in mb."""
    pythia = _pythia().Pythia("", False)
    lines = [
        "Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed}",
        f"Beams:eCM = {_ENERGY}", "PartonLevel:all = off", "HadronLevel:all = off",
        f"PhaseSpace:mHatMin = {mass[0]}", f"PhaseSpace:mHatMax = {mass[1]}",
        *_PROCESSES[settings.boson],
    ]  # fmt: skip
    if settings.boson == "zprime":
        lines.append(f"32:m0 = {settings.mass}")
    if not (all(pythia.readString(line) for line in lines) and pythia.init()):
        raise InputError(f"Pythia does not accept {plain(settings)}")
    momenta = np.empty((size, 2, 3))
    found = 0
    while found < size:
        if not pythia.next():
            continue
        for particle in pythia.process:
            if particle.isFinal() and abs(particle.id()) == 13:
                charge = int(particle.id() < 0)
                momenta[found, charge] = particle.px(), particle.py(), particle.pz()
        found += 1
    return momenta, pythia.infoPython().sigmaGen()


def detect(
    momenta: np.ndarray,
    weights: np.ndarray,
    seed: int,
    muon_scale: float = 1.0,
    muon_resolution: float = 1.0,
) -> dict[str, np.ndarray]:
    """Simple detector simulation: smeared transverse momenta, and acceptance.

    With the same seed an event is smeared in the same way, whatever is varied.

    Args:
        momenta: (N, 2, 3), from :func:`simulate`.
        weights: (N,), from :func:`simulate`.
        seed: of the smearing.
        muon_scale: factor on all momenta.
        muon_resolution: factor on the width of the smearing.

    Returns:
        Events with both muons at pt above 30 GeV and |eta| below 2.5: ``event`` (its number),
        ``mass``, ``rapidity`` and ``cos_theta`` (Collins and Soper, Phys. Rev. D 16 (1977) 2219)
        of the pair; ``pt1``, ``eta1`` of the muon with the larger pt, ``pt2``, ``eta2``; in GeV;
        and ``weight``.
    """
    rng = np.random.default_rng(seed)
    pt = np.hypot(momenta[..., 0], momenta[..., 1])
    eta = np.arcsinh(momenta[..., 2] / pt)
    phi = np.arctan2(momenta[..., 1], momenta[..., 0])
    width = muon_resolution * (_RESOLUTION[0] + _RESOLUTION[1] * pt)
    pt = pt * muon_scale * np.maximum(1 + width * rng.normal(size=pt.shape), 0.1)
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + _MUON_MASS**2)
    total = [component.sum(axis=1) for component in (energy, px, py, pz)]
    mass = np.sqrt(np.maximum(total[0] ** 2 - total[1] ** 2 - total[2] ** 2 - total[3] ** 2, 0))
    plus, minus = energy + pz, energy - pz
    transverse = np.hypot(total[1], total[2])
    cos_theta = (plus[:, 0] * minus[:, 1] - minus[:, 0] * plus[:, 1]) / (
        mass * np.hypot(mass, transverse)
    )
    order = np.argsort(-pt, axis=1)
    sorted_pt, sorted_eta = (np.take_along_axis(x, order, axis=1) for x in (pt, eta))
    inside = (sorted_pt[:, 1] > _MIN_PT) & (np.abs(eta).max(axis=1) < _MAX_ETA)
    columns = {
        "event": np.arange(len(pt)),
        "mass": mass,
        "rapidity": np.arctanh(total[3] / total[0]),
        # Relative to the flight of the pair: which beam had the quark is not known.
        "cos_theta": cos_theta * np.sign(total[3]),
        "pt1": sorted_pt[:, 0],
        "eta1": sorted_eta[:, 0],
        "pt2": sorted_pt[:, 1],
        "eta2": sorted_eta[:, 1],
        WEIGHT: weights,
    }
    return {name: values[inside] for name, values in columns.items()}


def _pythia() -> ModuleType:
    try:
        import pythia8mc
    except ImportError as error:
        raise InputError(
            "Pythia 8 is not installed: python3 -m pip --python .venv/bin/python install "
            "pythia8mc==8.317.2 (Linux on x86; elsewhere it is compiled first), or give "
            "the samples files that were made elsewhere"
        ) from error
    module: ModuleType = pythia8mc
    return module
