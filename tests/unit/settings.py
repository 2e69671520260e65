"""Parts of an analysis from short entries: what a test does not care about is filled in."""

from hone.analysis.modifiers import Normfactor, Strength
from hone.analysis.observables import ObservableSettings
from hone.analysis.regions import Region
from hone.analysis.shape_systematics import ShapeVariation
from hone.analysis.systematics import Systematic
from hone.statmodel.workspace import Process

__all__ = ["hypothesis", "modifier", "observable", "region"]


def region(name, selection=None, fit="observable", variable=None, edges=None):
    """A region of an analysis."""
    given = {"selection": selection, "variable": variable, "edges": edges and list(edges)}
    return Region(name=name, fit=fit, **_without_none(given))


def modifier(**entry):
    """A systematic or (of type normfactor) a free normalisation, of the background.

    Templates are variations of the weight; without one down, it has ``down=None``.
    """
    entry = {"sample": "background"} | entry
    if entry.get("type") == "normfactor":
        return Normfactor.model_validate({k: v for k, v in entry.items() if k != "type"})
    kind = next(kind for kind in Systematic.kinds() if kind.fits(entry))
    if issubclass(kind, ShapeVariation):
        entry = {"up": {"weight": "up"}, "down": {"weight": "down"}} | entry
    return Systematic.checked(_without_none(entry))


def hypothesis(*entries, signal="signal", background="background"):
    """Processes of a signal and a background, and what modifies them."""
    modifiers = [
        Strength(name="mu", sample=signal),
        *(modifier(**{"sample": background} | entry) for entry in entries),
    ]
    return [
        Process(name, name == signal, None, tuple(m for m in modifiers if name in m.samples))
        for name in (signal, background)
    ]


def observable(**entry):
    """Settings of an observable, trained on CLs."""
    kind = next(kind for kind in ObservableSettings.kinds() if kind.fits(entry))
    needed = {"objective": "cls"} if "objective" in kind.model_fields else {}
    return ObservableSettings.checked({"name": "o"} | needed | entry)


def _without_none(entry):
    return {key: value for key, value in entry.items() if value is not None}
