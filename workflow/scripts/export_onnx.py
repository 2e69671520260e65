"""Write the selected seed of an observable as an ONNX model."""

from hone.observable import load_observable
from hone.observable.onnx_model import onnx_model
from hone.results.selection import selected_networks
from hone.running.files import read_json, replacing
from hone.running.script import job, setup_jax
from hone.version import __version__

with job(snakemake) as provenance:
    setup_jax(brief=True)
    inputs, params = snakemake.input, snakemake.params
    loaded = [load_observable(p) for p in selected_networks(inputs.selected, inputs.models)]
    model = onnx_model(
        [observable for observable, _ in loaded],
        loaded[0][1].kind,
        {
            "analysis": params.name,
            **snakemake.wildcards,
            "seed": read_json(inputs.selected)["seed"],
            "config_digest": params.config,
            "hone_version": __version__,
            "provenance": provenance,
        },
    )
    with replacing(snakemake.output[0]) as partial:
        partial.write_bytes(model.SerializeToString(deterministic=True))
