"""Old name of :mod:`hone.likelihood.histfactory`."""

from hone.renamed import stand_in

stand_in(__name__, "hone.likelihood.histfactory")
