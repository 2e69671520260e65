"""Put all that is published into one archive with a manifest."""

import json
from pathlib import Path

from hone.reporting.publication.archive import MANIFEST, check_archive, make_manifest, write_zip
from hone.reporting.publication.likelihoods import pyhf_digests
from hone.results.selection import selected_files
from hone.running.files import write_json
from hone.running.same_workspace import refuse_foreign
from hone.running.script import job

with job(snakemake) as provenance:
    inputs = snakemake.input
    results = Path(inputs.config).parent
    paths = [Path(path) for path in (*inputs.made, *inputs.tables, *inputs.figures)]
    paths += [Path(inputs.config), *map(Path, inputs.selected)]
    likelihoods = [Path(path) for path in inputs.patchsets]
    for of_seeds in (inputs.limits, inputs.models, inputs.systematics):
        paths += selected_files(inputs.selected, of_seeds).values()
    limits = selected_files(inputs.selected, inputs.limits)
    for place, path in selected_files(inputs.selected, inputs.workspaces).items():
        refuse_foreign(path, limits[place])
        likelihoods.append(path)
    # Paths as in the results; what was made for the publication stands above them.
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
    text = json.dumps(manifest, indent=2) + "\n"
    write_zip(snakemake.output.archive, {**content, MANIFEST: text.encode()})
    write_json(snakemake.output.manifest, check_archive(snakemake.output.archive))
