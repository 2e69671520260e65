"""Workspaces of pyhf as documents of HS3, the HEP Statistics Serialization Standard (version 0.2).

ROOT reads and writes them (``RooJSONFactoryWSTool``). A channel is a ``histfactory_dist``;
parameters of bins are called ``<name>_bin_<k>`` from 0; the auxiliary data are in the constraints.
"""

from hone.likelihood.hs3.read import from_hs3
from hone.likelihood.hs3.write import to_hs3

__all__ = ["from_hs3", "to_hs3"]
