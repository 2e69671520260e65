rule build_workspace:
    input:
        histograms=f"{RESULT}/histograms.root",
    output:
        f"{RESULT}/workspace.json",
    log:
        "results/{analysis}/logs/build_workspace/{signal}__{observable}__seed{seed}.log",
    benchmark:
        "results/{analysis}/benchmarks/build_workspace/{signal}__{observable}__seed{seed}.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        model=model_settings,
        histograms=config["workspace"]["histograms"],
        made_by=made_by("build_workspace"),
    message:
        "Writing the workspace of {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/build_workspace.py"
