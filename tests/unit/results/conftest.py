"""A workspace and its fit, once for all tests."""

import pytest
import specs

from hone.results.fit_results import fit_results


@pytest.fixture(scope="session")
def oracle():
    return specs.MODELS["simple"]


@pytest.fixture(scope="session")
def fitted():
    model = specs.typical()
    data = specs.pseudo_data(model, 1, 1.0)
    return model, data, fit_results(specs.workspace(model, data))
