"""Constraint terms that a workspace sets by hand, which not every format can hold."""

import pyhf

from hone.errors import ModelError

__all__ = ["check_constraints"]


def check_constraints(workspace: pyhf.Workspace, measurement: str, where: str) -> None:
    """Refuse what a measurement says of constraints, except the luminosity's.

    Args:
        workspace: of pyhf.
        measurement: its name.
        where: the format that cannot hold it, for the message.

    Raises:
        ModelError: names the parameter.
    """
    config = workspace.model(measurement_name=measurement).config
    given = workspace.get_measurement(measurement_name=measurement)["config"]["parameters"]
    for parameter in given:
        name = parameter["name"]
        if name == "lumi" or name not in config.par_order:
            continue
        found = config.param_set(name)
        if found.constrained and found.is_scalar:
            centre, width = float(found.auxdata[0]), float(found.width()[0])
            if (centre, width) != (0, 1):
                raise ModelError(
                    f"the measurement gives {name!r} the auxiliary data {centre:g} and the width "
                    f"{width:g}: in {where} they are 0 and 1"
                )
        elif {"auxdata", "sigmas", "factors"} & set(parameter):
            raise ModelError(
                f"the measurement gives {name!r} auxiliary data or widths of its own: in {where} "
                "they follow from the errors of the samples"
            )
