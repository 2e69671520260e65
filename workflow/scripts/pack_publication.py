"""Put everything that is published into one archive with a manifest."""

from pathlib import Path

from hone.reporting.publication.archive import MANIFEST, check_archive, make_manifest, write_zip
from hone.reporting.publication.likelihoods import pyhf_digests
from hone.reporting.publication.selected import selected_results
from hone.results.selection import selected_files
from hone.running.files import as_json, write_json
from hone.running.script import job

with job(snakemake) as provenance:
    inputs = snakemake.input
    results = Path(inputs.config).parent
    paths = [Path(path) for path in (*inputs.made, *inputs.tables, *inputs.figures)]
    paths += [Path(inputs.config), *map(Path, inputs.selected)]
    workspaces, limits = selected_results(inputs.selected, inputs.workspaces, inputs.limits)
    paths += limits.values()
    for of_seeds in (inputs.models, inputs.systematics):
        paths += selected_files(inputs.selected, of_seeds).values()
    likelihoods = [*map(Path, inputs.patchsets), *workspaces.values()]
    # Paths as in the results; files of publication/ at the top.
    content = {
        str(path.relative_to(results)).removeprefix("publication/"): path
        for path in (*paths, *likelihoods)
    }
    specs = {str(path.relative_to(results)): path for path in likelihoods}
    manifest = make_manifest(
        content,
        observation=snakemake.params.observed or "none: the analysis is blind",
        pyhf_digests=pyhf_digests(specs),
        provenance=provenance,
    )
    write_zip(snakemake.output.archive, {**content, MANIFEST: as_json(manifest).encode()})
    write_json(snakemake.output.manifest, check_archive(snakemake.output.archive))
