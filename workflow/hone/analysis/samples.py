"""The samples of an analysis: physics processes, and where their events come from."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

from annotated_types import Ge
from pydantic import Field, model_validator

from hone.analysis.distributions import WEIGHT, Distribution, branches_of
from hone.analysis.fields import ExpressionText, Files, HistogramPath, Name, Names
from hone.analysis.settings import AsWhole, Family, Positive, Settings, Text, refuse, refuse_all

__all__ = [
    "DimuonSample", "Dimuons", "FileSample", "GeneratedSample", "HistogramSample", "Histograms",
    "NtupleSample", "Sample",
]  # fmt: skip


class Sample(Family):
    """A physics process."""

    told_by: ClassVar[str] = ""
    """The setting that only this kind has."""
    name: Name
    """Name of the sample, as in file names and in the workspace."""
    process: Literal["signal", "background", "data"]
    """`signal` is scaled by the signal strength. `data` are the observed events (with `files` or
    `histograms`; looked at only with `observation.unblind`)."""
    parameters: dict[Annotated[str, Field(pattern="^[A-Za-z0-9_]+$")], float] = Field({})
    """(signal) What tells hypotheses apart, e.g. `{mass: 600}`: with several signals, limits are
    drawn against the first that varies, if it alone tells them apart, and with two that vary in
    their plane; the patchset has them as labels."""
    yield_: Positive | None = Field(None, alias="yield")
    """Expected number of events, before any selection. With `files` it is that of all events in
    them: their weights are scaled to it."""
    staterror: bool = True
    """Whether the statistical errors of its bins count in the staterror of the workspace (see
    `workspace.staterror`)."""

    @property
    def is_signal(self) -> bool:
        """Whether its yield is scaled by the signal strength."""
        return self.process == "signal"

    @property
    def is_data(self) -> bool:
        """Whether its events are the observed ones."""
        return self.process == "data"

    @property
    def branches(self) -> tuple[str, ...] | None:
        """Branches of its events, besides their weight; None if only its files know."""
        return None

    @property
    def own_files(self) -> Files | None:
        """The user's own files that it is read from, if there are any."""
        return None

    @classmethod
    def fits(cls, entry: dict[str, object]) -> bool:
        """By where the events come from: events are generated if nothing is said."""
        keys = [kind.told_by for kind in cls.kinds() if kind.told_by in entry]
        return keys[-1] == cls.told_by if keys else cls.told_by == "distribution"


class GeneratedSample(Sample):
    """Events that are drawn from a known density."""

    told_by = "distribution"
    yield_: Positive = Field(alias="yield")
    distribution: Distribution
    """Independent blocks whose product is the density of the events."""

    @property
    def branches(self) -> tuple[str, ...]:
        return branches_of(self.distribution)

    @classmethod
    def called(cls) -> str:
        return "a sample with a distribution"

    @model_validator(mode="after")
    def _no_data(self) -> Self:
        if self.is_data:
            raise refuse("observed events need files or histograms", "files")
        return self


class NtupleSample(Sample):
    """Events in ntuples."""

    tree: Text = "events"
    """The TTree, TNtuple or RNTuple in each ROOT file; `events;2` is a cycle of it."""
    selection: ExpressionText | None = None
    """Expression of branches that is true for the events of the sample; all if not given. Several
    samples can be parts of one file, e.g. by truth label, `truth == 5` and `truth != 5`: two that
    share an event are refused unless one of them names the other in `shares_events_with`. Varied
    files have the same selection. `yield` and `cross_section` are those of all events in the files,
    before the selection: given alike, parts of a file add up to the whole."""
    weight: ExpressionText = "1"
    """Weight of an event, an expression of branches, e.g. `w * sqrt(sf)` or
    `len(jet_pt) > 0 ? w : 0`: see [docs/expressions.md](../docs/expressions.md). Events without
    weight are not events of the sample: they are neither counted nor trained on."""
    cross_section: Positive | None = None
    """Instead of `yield`, in pb: weights are multiplied by cross-section x `luminosity` / sum of
    weights of all events in the files, also of those that `selection` leaves out. With neither this
    nor `yield` they stay as they are."""
    sum_of_weights: Positive | None = None
    """Sum of the weights of all generated events, where the files do not have them
    all: what is divided by in the normalisation. Otherwise it is that of the files."""
    shares_events_with: Names | None = None
    """Samples that may have events in common with this one, as where a signal is a background with
    other weights. Their statistical errors count as independent."""

    @property
    def is_normalised(self) -> bool:
        """Whether its weights are scaled to a yield or a cross-section."""
        return self.yield_ is not None or self.cross_section is not None

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.yield_ is not None and self.cross_section is not None:
            yield "cross_section", "there is a yield as well; give one of both"
        if self.sum_of_weights is not None and not self.is_normalised:
            yield "sum_of_weights", "is of no use without a yield or a cross_section"
        if self.is_data:
            for key, given in (("yield", self.yield_), ("cross_section", self.cross_section)):
                if given is not None:
                    yield key, "observed events are counted, not scaled; remove it"
            if self.weight != type(self).model_fields["weight"].default:
                yield "weight", "observed events are counted, not weighted; remove it"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse_all(self._problems())
        return self


class FileSample(NtupleSample):
    """Events in the user's own files."""

    told_by = "files"
    files: Files
    """Files with the events, of ROOT, Parquet (`.parquet`) or Arrow (`.arrow`, `.feather`): a path
    or several, `*` and `?` stand for any characters; a `.txt` file with a path a line; or
    addresses of ROOT files, as `root://` and `https://`
    ([docs/expressions.md](../docs/expressions.md#files)). Relative to the folder in which the
    workflow runs. They are read where they lie."""

    @property
    def own_files(self) -> Files:
        return self.files

    @classmethod
    def called(cls) -> str:
        return "a sample with files"


class Histograms(Settings):
    """Histograms in files, one for each region."""

    files: Files
    """Files with the histograms, of ROOT (TH1, TH2, TH3) or JSON (`.json`, histograms of `hist` by
    name): a path or several, `*` and `?` stand for any characters. Histograms of one name in
    several files are added."""
    path: HistogramPath = "{region}/{sample}"
    """Where the histogram of a region is in each file; `{region}` and `{sample}` are their names.
    Variations have a `path` of their own (systematics, `up`), where `{systematic}` and `{side}`
    (`up` or `down`) stand for names, too."""
    beyond: Literal["included", "dropped"] = "included"
    """What happens to bins beyond the edges of a region, under- and overflow among them: they are
    `included` in its outermost bins, as events beyond the edges are, or `dropped`."""


class HistogramSample(Sample):
    """Yields in histograms that exist already, where nothing is trained."""

    told_by = "histograms"
    histograms: Histograms
    """Instead of events, where nothing is trained: histograms in files of ROOT or JSON. They have
    the yields and the MC errors (Sumw2) as they are in the regions: no weight, selection or
    normalisation is applied. The edges of a region must be among those of its histogram, whose bins
    are merged where it has more; of a region with `fit: count` all bins are. Bins of two or three
    axes are numbered from 0, the first axis fastest, and these numbers are the region's variable. A
    varied histogram is taken to be of the events of its sample: its errors are not looked at."""

    @property
    def own_files(self) -> Files:
        return self.histograms.files

    @classmethod
    def called(cls) -> str:
        return "a sample with histograms"

    @model_validator(mode="after")
    def _has_its_yield(self) -> Self:
        if self.yield_ is not None:
            raise refuse("histograms have their own yields; remove it", "yield")
        return self


class Dimuons(Settings):
    """Muon pairs made by Pythia 8 (extra `pythia`) and a simple detector."""

    boson: Literal["drell_yan", "zprime"]
    """What decays to the muons."""
    mass: Positive | None = None
    """Of the zprime, in GeV."""
    minimum_mass: Annotated[float, Ge(10)] = 150.0
    """Smallest mass of the pair at the collision, in GeV."""
    slices: list[Positive] = Field(default=[])
    """Masses in GeV, increasing, at which the collisions are divided, so that there are as many at
    high masses as at low ones; the branch `weight` has the cross-section of their slice."""
    events: Annotated[int, Ge(1), AsWhole]
    """Collisions, before acceptance; the same number in each slice."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.boson == "zprime") != (self.mass is not None):
            raise refuse("a zprime has a mass, and nothing else has", "mass")
        edges = [self.minimum_mass, *self.slices]
        if any(low >= high for low, high in pairwise(edges)):
            raise refuse(f"must increase from minimum_mass ({self.minimum_mass:g})", "slices")
        if self.events % len(edges):
            raise refuse(f"must be a multiple of the number of slices ({len(edges)})", "events")
        return self


class DimuonSample(NtupleSample):
    """Events that are collided for the analysis, and written as ntuples."""

    told_by = "dimuons"
    weight: ExpressionText = WEIGHT
    dimuons: Dimuons
    """Instead of `files`: muon pairs made by Pythia 8 (extra `pythia`) and a simple detector,
    written as ntuples with the branches `event`, `mass`, `rapidity`, `cos_theta`, `pt1`, `eta1`,
    `pt2`, `eta2` (GeV) and `weight` (1 without `slices`), the weight of an event if none is given.
    """

    @property
    def branches(self) -> tuple[str, ...]:
        return (
            "event", "mass", "rapidity", "cos_theta", "pt1", "eta1", "pt2", "eta2", WEIGHT,
        )  # fmt: skip

    @classmethod
    def called(cls) -> str:
        return "a sample of dimuons"

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.is_data:
            yield "files", "observed events need files or histograms"
        if self.sum_of_weights is not None:
            yield "sum_of_weights", "is the number of collisions of dimuons; remove it"
        yield from super()._problems()
