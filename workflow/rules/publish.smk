"""Publication: HEPData submission, likelihoods, numbers for a paper, one archive of everything."""


# A separate target, not part of `all`.
rule publish:
    input:
        f"<publication>/{ANALYSIS.analysis}.zip",
        "<publication>/submission.tar.gz",
        "<publication>/numbers.tex",
        "<publication>/yields.tex",


rule pack_likelihoods:
    input:
        **NEEDS.selected("workspaces", "limits"),
        backgrounds=FILES.patchsets("background_only.json"),
        patchsets=FILES.patchsets(),
    output:
        "<publication>/likelihoods.tar.gz",
    log:
        "<logs>/pack_likelihoods.log",
    benchmark:
        "<benchmarks>/pack_likelihoods.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        observed=ANALYSIS.observed,
        name=ANALYSIS.analysis,
        made_by=made_by("pack_likelihoods"),
    message:
        "Packing the likelihoods"
    script:
        "../scripts/pack_likelihoods.py"


rule make_hepdata:
    input:
        **NEEDS.selected("limits", "workspaces", "histograms"),
        likelihoods="<publication>/likelihoods.tar.gz",
        figures=FILES.figures_in_tables(),
    output:
        "<publication>/submission.tar.gz",
    log:
        "<logs>/make_hepdata.log",
    benchmark:
        "<benchmarks>/make_hepdata.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=2000, runtime=20),
    params:
        observed=ANALYSIS.observed,
        analysis=parts.part(
            ANALYSIS, "samples", "regions", "workspace", "observables", "publication"
        ),
        made_by=made_by("make_hepdata"),
    message:
        "Preparing the HEPData submission"
    script:
        "../scripts/make_hepdata.py"


rule write_numbers:
    input:
        **NEEDS.selected("limits", "workspaces"),
        fits=FILES.of_observables("fit.json"),
    output:
        numbers="<publication>/numbers.tex",
        yields="<publication>/yields.tex",
    log:
        "<logs>/write_numbers.log",
    benchmark:
        "<benchmarks>/write_numbers.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        config=plain(ANALYSIS),
        observed=ANALYSIS.observed,
        name=ANALYSIS.analysis,
        made_by=made_by("write_numbers"),
    message:
        "Writing the numbers as LaTeX macros"
    script:
        "../scripts/write_numbers.py"


rule pack_publication:
    input:
        **NEEDS.selected("limits", "systematics", "workspaces"),
        made=[
            rules.make_hepdata.output,
            rules.pack_likelihoods.output,
            rules.write_numbers.output,
        ],
        tables=[f"<results>/{name}" for name in ("comparison.csv", "summary.txt")],
        config="<results>/config.yaml",
        models=lambda _: FILES.of_first_networks("model.safetensors"),
        patchsets=FILES.patchsets("background_only.json") + FILES.patchsets(),
        figures=lambda _: FILES.figures("pdf"),
    output:
        archive=f"<publication>/{ANALYSIS.analysis}.zip",
        manifest="<publication>/manifest.json",
    log:
        "<logs>/pack_publication.log",
    benchmark:
        "<benchmarks>/pack_publication.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        observed=ANALYSIS.observed,
        made_by=made_by("pack_publication"),
    message:
        "Packing the publication"
    script:
        "../scripts/pack_publication.py"
