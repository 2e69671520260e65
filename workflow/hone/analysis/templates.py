"""Templates: the yields of a sample, or of a variation of it, that enter a statistical model."""

from typing import NamedTuple

__all__ = ["Template"]


class Template(NamedTuple):
    """What a histogram, a set of events or a weight belongs to."""

    sample: str
    systematic: str = ""
    """Empty for the sample itself."""
    side: str = ""
    """``up`` or ``down``; empty for the sample itself."""

    @property
    def name(self) -> str:
        """As in files: ``<sample>`` or ``<sample>__<systematic>_<side>``."""
        return f"{self.sample}__{self.variation}" if self.systematic else self.sample

    @property
    def variation(self) -> str:
        """``<systematic>_<side>``; empty for the sample itself."""
        return f"{self.systematic}_{self.side}" if self.systematic else ""

    @property
    def nominal(self) -> "Template":
        """The sample's own."""
        return Template(self.sample)
