"""What leaves the analysis: HEPData, likelihoods, numbers of a paper, one archive of all."""

# What the observation is; nothing is observed in a blind analysis.
OBSERVED = None if BLIND else "data" if FILES and not PSEUDO_DATA else "pseudo-data"
PUBLICATION = "results/{analysis}/publication"
SELECTED = expand(
    "results/{analysis}/{signal}/{observable}/selected.json",
    analysis=ANALYSIS,
    signal=SIGNALS,
    observable=OBSERVABLES,
)
BACKGROUNDS = [
    path.replace("patchset.json", "background_only.json") for path in patchsets()
]


# A target of its own: it is not part of a run.
rule publish:
    input:
        expand(f"{PUBLICATION}/{{analysis}}.zip", analysis=ANALYSIS),
        expand(f"{PUBLICATION}/submission.tar.gz", analysis=ANALYSIS),
        expand(f"{PUBLICATION}/numbers.tex", analysis=ANALYSIS),


rule pack_likelihoods:
    input:
        selected=SELECTED,
        workspaces=all_results("workspace.json"),
        backgrounds=BACKGROUNDS,
        patchsets=patchsets(),
    output:
        f"{PUBLICATION}/likelihoods.tar.gz",
    log:
        "results/{analysis}/logs/pack_likelihoods.log",
    benchmark:
        "results/{analysis}/benchmarks/pack_likelihoods.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        observed=OBSERVED,
        made_by=made_by("pack_likelihoods"),
    message:
        "Packing the likelihoods"
    script:
        "../scripts/pack_likelihoods.py"


rule make_hepdata:
    input:
        selected=SELECTED,
        limits=all_results("limits.json"),
        workspaces=all_results("workspace.json"),
        histograms=all_results("histograms.root"),
        likelihoods=f"{PUBLICATION}/likelihoods.tar.gz",
        figures=all_figures("png"),
    output:
        f"{PUBLICATION}/submission.tar.gz",
    log:
        "results/{analysis}/logs/make_hepdata.log",
    benchmark:
        "results/{analysis}/benchmarks/make_hepdata.tsv"
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
        made_by=made_by("make_hepdata"),
    message:
        "Making a submission to HEPData"
    script:
        "../scripts/make_hepdata.py"


rule write_numbers:
    input:
        selected=SELECTED,
        limits=all_results("limits.json"),
    output:
        f"{PUBLICATION}/numbers.tex",
    log:
        "results/{analysis}/logs/write_numbers.log",
    benchmark:
        "results/{analysis}/benchmarks/write_numbers.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        config=config,
        observed=OBSERVED,
        made_by=made_by("write_numbers"),
    message:
        "Writing the numbers as macros of LaTeX"
    script:
        "../scripts/write_numbers.py"


rule pack_publication:
    input:
        made=[
            f"{PUBLICATION}/{name}"
            for name in ("submission.tar.gz", "likelihoods.tar.gz", "numbers.tex")
        ],
        tables=[
            f"results/{{analysis}}/{name}"
            for name in ("comparison.csv", "summary.txt")
        ],
        config="results/{analysis}/config.yaml",
        selected=SELECTED,
        limits=all_results("limits.json"),
        models=all_results("model.safetensors"),
        systematics=all_results("systematics.csv"),
        workspaces=all_results("workspace.json"),
        patchsets=BACKGROUNDS + patchsets(),
        figures=all_figures("pdf"),
    output:
        archive=f"{PUBLICATION}/{{analysis}}.zip",
        manifest=f"{PUBLICATION}/manifest.json",
    log:
        "results/{analysis}/logs/pack_publication.log",
    benchmark:
        "results/{analysis}/benchmarks/pack_publication.tsv"
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
