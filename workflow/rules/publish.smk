"""Publication: HEPData submission, likelihoods, numbers for a paper, one archive of everything."""

PUBLICATION = "<results>/publication"


# A separate target, not part of `all`.
rule publish:
    input:
        f"{PUBLICATION}/{ANALYSIS.analysis}.zip",
        f"{PUBLICATION}/submission.tar.gz",
        f"{PUBLICATION}/numbers.tex",
        f"{PUBLICATION}/yields.tex",


rule pack_likelihoods:
    input:
        selected=FILES.of_observables("selected.json"),
        workspaces=FILES.of_seeds("workspace.json"),
        limits=FILES.of_seeds("limits.json"),
        backgrounds=FILES.patchsets("background_only.json"),
        patchsets=FILES.patchsets(),
    output:
        f"{PUBLICATION}/likelihoods.tar.gz",
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
        selected=FILES.of_observables("selected.json"),
        limits=FILES.of_seeds("limits.json"),
        workspaces=FILES.of_seeds("workspace.json"),
        histograms=FILES.of_seeds("histograms.root"),
        likelihoods=f"{PUBLICATION}/likelihoods.tar.gz",
        figures=FILES.figures_in_tables(),
    output:
        f"{PUBLICATION}/submission.tar.gz",
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
        selected=FILES.of_observables("selected.json"),
        limits=FILES.of_seeds("limits.json"),
        workspaces=FILES.of_seeds("workspace.json"),
        fits=FILES.of_observables("fit.json"),
    output:
        numbers=f"{PUBLICATION}/numbers.tex",
        yields=f"{PUBLICATION}/yields.tex",
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
        made=[
            rules.make_hepdata.output,
            rules.pack_likelihoods.output,
            rules.write_numbers.output,
        ],
        tables=[f"<results>/{name}" for name in ("comparison.csv", "summary.txt")],
        config="<results>/config.yaml",
        selected=FILES.of_observables("selected.json"),
        limits=FILES.of_seeds("limits.json"),
        models=FILES.of_first_networks("model.safetensors"),
        systematics=FILES.of_seeds("systematics.csv"),
        workspaces=FILES.of_seeds("workspace.json"),
        patchsets=FILES.patchsets("background_only.json") + FILES.patchsets(),
        figures=FILES.figures("pdf"),
    output:
        archive=f"{PUBLICATION}/{ANALYSIS.analysis}.zip",
        manifest=f"{PUBLICATION}/manifest.json",
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
