rule train_observable:
    input:
        unpack(NEEDS.events("training", "validation")),
        start=NEEDS.start(),
    output:
        models=[f"{NETWORK}/model.safetensors"],
        histories=[f"{NETWORK}/history.csv"],
        snapshots=[f"{NETWORK}/snapshots.safetensors"],
    log:
        f"<logs>/train_observable/{{signal}}/{{observable}}/{OF_SEED}.log",
    benchmark:
        f"<benchmarks>/train_observable/{{signal}}/{{observable}}/{OF_SEED}.tsv"
    wildcard_constraints:
        observable=any_of([name for name in TRAINED if name not in TOGETHER]),
    conda:
        "../../envs/gpu.yaml"
    resources:
        **growing(mem_mb=3000, runtime=120),
    params:
        **NEEDS.training("training", "validation"),
        made_by=made_by("train_observable"),
    message:
        "Training {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/train_observable.py"


# All seeds in one job: the number of its outputs depends on the observable, so each has a rule.
for name in TOGETHER:
    every = partial(expand, seed=ANALYSIS.seeds(name), allow_missing=True)

    rule:
        name:
            f"train_together_{underscored(name)}"
        input:
            unpack(NEEDS.events("training", "validation")),
            start=NEEDS.start(),
        output:
            models=every(f"{NETWORK}/model.safetensors"),
            histories=every(f"{NETWORK}/history.csv"),
            snapshots=every(f"{NETWORK}/snapshots.safetensors"),
        log:
            f"<logs>/train_observable/{{signal}}/{OF_ALL}.log",
        benchmark:
            f"<benchmarks>/train_observable/{{signal}}/{OF_ALL}.tsv"
        wildcard_constraints:
            observable=any_of([name]),
        conda:
            "../../envs/gpu.yaml"
        resources:
            **growing(mem_mb=3000, runtime=240),
        params:
            **NEEDS.training("training", "validation"),
            made_by=made_by("train_observable"),
        message:
            "Training all seeds of {wildcards.observable} for {wildcards.signal}"
        script:
            "../scripts/train_observable.py"


rule optimise_edges:
    input:
        unpack(NEEDS.events("validation")),
        model=NEEDS.source_model(),
    output:
        models=[f"{NETWORK}/model.safetensors"],
        histories=[f"{NETWORK}/history.csv"],
    log:
        f"<logs>/optimise_edges/{{signal}}/{{observable}}/{OF_SEED}.log",
    benchmark:
        f"<benchmarks>/optimise_edges/{{signal}}/{{observable}}/{OF_SEED}.tsv"
    wildcard_constraints:
        observable=any_of(ANALYSIS.of_kind(Rebinned)),
    group:
        "limits"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=2000, runtime=20),
    params:
        **NEEDS.training("validation"),
        made_by=made_by("optimise_edges"),
    message:
        "Optimising the bin edges of {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/optimise_edges.py"


rule search_cuts:
    input:
        unpack(NEEDS.events("training")),
    output:
        models=[f"{NETWORK}/model.safetensors"],
        histories=[f"{NETWORK}/history.csv"],
    log:
        f"<logs>/search_cuts/{{signal}}/{{observable}}/{OF_SEED}.log",
    benchmark:
        f"<benchmarks>/search_cuts/{{signal}}/{{observable}}/{OF_SEED}.tsv"
    wildcard_constraints:
        observable=any_of(ANALYSIS.of_kind(GridCuts)),
    group:
        "limits"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=1500, runtime=20),
    params:
        **NEEDS.training("training"),
        made_by=made_by("search_cuts"),
    message:
        "Searching the best cuts of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/search_cuts.py"


rule bin_variable:
    output:
        models=[f"{RESULT}/model.safetensors"],
        histories=[f"{RESULT}/history.csv"],
    log:
        "<logs>/bin_variable/{signal}/{observable}/seed{seed}.log",
    benchmark:
        "<benchmarks>/bin_variable/{signal}/{observable}/seed{seed}.tsv"
    wildcard_constraints:
        observable=any_of(ANALYSIS.of_kind(VariableBins)),
    group:
        "limits"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=1000, runtime=10),
    params:
        analysis=NEEDS.part(parts.of_binning),
        made_by=made_by("bin_variable"),
    message:
        "Binning the variable of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/bin_variable.py"


rule select_seed:
    input:
        histories=NEEDS.all_networks("history.csv"),
    output:
        SELECTED,
    log:
        "<logs>/select_seed/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/select_seed/{signal}/{observable}.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=500, runtime=5),
    params:
        made_by=made_by("select_seed"),
    message:
        "Selecting the seed of {wildcards.observable} for {wildcards.signal} with the best validation"
    script:
        "../scripts/select_seed.py"
