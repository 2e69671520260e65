# The number of outputs of a job that trains all seeds depends on the observable.
for training in trainings(FILES):
    job = OF_NETWORK.replace("seed{seed}", training.job)

    rule:
        name:
            training.rule
        input:
            unpack(NEEDS.events("training", "validation")),
            start=NEEDS.start(),
            tuned=TRIALS.chosen,
        output:
            **training.outputs(NETWORK),
        log:
            f"<logs>/train_observable/{job}.log",
        benchmark:
            f"<benchmarks>/train_observable/{job}.tsv"
        wildcard_constraints:
            observable=any_of(training.observables),
        # With fewer cores than seeds: the first compiles the program that the others load.
        priority: lambda wildcards: FOR_TRAINING + (wildcards.get("seed", "1") == "1")
        conda:
            "../../envs/gpu.yaml"
        resources:
            **growing(mem_mb=3000, runtime=training.minutes),
        params:
            **NEEDS.training("training", "validation"),
            made_by=made_by("train_observable"),
        message:
            f"Training {{wildcards.observable}} for {{wildcards.signal}}, {training.called}"
        script:
            "../scripts/train_observable.py"


rule optimise_edges:
    input:
        unpack(NEEDS.events("validation")),
        models=NEEDS.source_models(),
    output:
        models=[f"{NETWORK}/model.safetensors"],
        histories=[f"{NETWORK}/history.csv"],
    log:
        f"<logs>/optimise_edges/{OF_NETWORK}.log",
    benchmark:
        f"<benchmarks>/optimise_edges/{OF_NETWORK}.tsv"
    wildcard_constraints:
        observable=any_of(ANALYSIS.of_kind(BestEdges)),
    priority: FOR_LIMITS
    group:
        NEEDS.group("limits")
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
        f"<logs>/search_cuts/{OF_NETWORK}.log",
    benchmark:
        f"<benchmarks>/search_cuts/{OF_NETWORK}.tsv"
    wildcard_constraints:
        observable=any_of(ANALYSIS.of_kind(GridCuts)),
    priority: FOR_LIMITS
    group:
        NEEDS.group("limits")
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
    priority: FOR_LIMITS
    group:
        NEEDS.group("limits")
    conda:
        "../../envs/cpu.yaml"
    params:
        analysis=NEEDS.part(parts.of_binning),
        made_by=made_by("bin_variable"),
    message:
        "Binning the variable of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/bin_variable.py"


rule select_trial:
    input:
        histories=TRIALS.histories,
    output:
        tuned="<results>/{signal}/{observable}/tuned.json",
        table="<results>/{signal}/{observable}/trials.csv",
    log:
        "<logs>/select_trial/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/select_trial/{signal}/{observable}.tsv"
    priority: FOR_LIMITS
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        trials=TRIALS.settings,
        made_by=made_by("select_trial"),
    message:
        "Selecting the settings of {wildcards.observable} for {wildcards.signal} with the best validation"
    script:
        "../scripts/select_trial.py"


rule select_seed:
    input:
        histories=NEEDS.all_networks("history.csv"),
    output:
        SELECTED,
    log:
        "<logs>/select_seed/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/select_seed/{signal}/{observable}.tsv"
    priority: FOR_LIMITS
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        made_by=made_by("select_seed"),
    message:
        "Selecting the seed of {wildcards.observable} for {wildcards.signal} with the best validation"
    script:
        "../scripts/select_seed.py"
