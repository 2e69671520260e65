"""Publication: HEPData submission, likelihoods, numbers for a paper, one archive of everything."""

# What the observation is; None in a blind analysis.
OBSERVED = None if BLIND else "data" if FILES and not PSEUDO_DATA else "pseudo-data"
PUBLICATION = "<results>/publication"


# A separate target, not part of `all`.
rule publish:
    input:
        f"{PUBLICATION}/{ANALYSIS}.zip",
        f"{PUBLICATION}/submission.tar.gz",
        f"{PUBLICATION}/numbers.tex",


rule pack_likelihoods:
    input:
        selected=of_all_observables("selected.json"),
        workspaces=all_results("workspace.json"),
        limits=all_results("limits.json"),
        backgrounds=patchsets("background_only.json"),
        patchsets=patchsets(),
    output:
        f"{PUBLICATION}/likelihoods.tar.gz",
    log:
        "<logs>/pack_likelihoods.log",
    benchmark:
        "<benchmarks>/pack_likelihoods.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        observed=OBSERVED,
        analysis=ANALYSIS,
        made_by=made_by("pack_likelihoods"),
    message:
        "Packing the likelihoods"
    script:
        "../scripts/pack_likelihoods.py"


rule make_hepdata:
    input:
        selected=of_all_observables("selected.json"),
        limits=all_results("limits.json"),
        workspaces=all_results("workspace.json"),
        histograms=all_results("histograms.root"),
        likelihoods=f"{PUBLICATION}/likelihoods.tar.gz",
        figures=all_figures("png"),
    output:
        f"{PUBLICATION}/submission.tar.gz",
    log:
        "<logs>/make_hepdata.log",
    benchmark:
        "<benchmarks>/make_hepdata.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        observed=OBSERVED,
        parameters=PARAMETERS,
        regions=config["regions"],
        histograms=config["workspace"]["histograms"],
        analysis=ANALYSIS,
        made_by=made_by("make_hepdata"),
    message:
        "Preparing the HEPData submission"
    script:
        "../scripts/make_hepdata.py"


rule write_numbers:
    input:
        selected=of_all_observables("selected.json"),
        limits=all_results("limits.json"),
        workspaces=all_results("workspace.json"),
    output:
        f"{PUBLICATION}/numbers.tex",
    log:
        "<logs>/write_numbers.log",
    benchmark:
        "<benchmarks>/write_numbers.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        config=config,
        observed=OBSERVED,
        analysis=ANALYSIS,
        made_by=made_by("write_numbers"),
    message:
        "Writing the numbers as LaTeX macros"
    script:
        "../scripts/write_numbers.py"


rule pack_publication:
    input:
        made=[
            f"{PUBLICATION}/{name}"
            for name in ("submission.tar.gz", "likelihoods.tar.gz", "numbers.tex")
        ],
        tables=[f"<results>/{name}" for name in ("comparison.csv", "summary.txt")],
        config="<results>/config.yaml",
        selected=of_all_observables("selected.json"),
        limits=all_results("limits.json"),
        models=all_results("model.safetensors"),
        systematics=all_results("systematics.csv"),
        workspaces=all_results("workspace.json"),
        patchsets=patchsets("background_only.json") + patchsets(),
        figures=all_figures("pdf"),
    output:
        archive=f"{PUBLICATION}/{ANALYSIS}.zip",
        manifest=f"{PUBLICATION}/manifest.json",
    log:
        "<logs>/pack_publication.log",
    benchmark:
        "<benchmarks>/pack_publication.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        observed=OBSERVED,
        made_by=made_by("pack_publication"),
    message:
        "Packing the publication"
    script:
        "../scripts/pack_publication.py"
