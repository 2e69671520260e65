rule train_observable:
    input:
        training=event_files("training"),
        validation=event_files("validation"),
    output:
        model=f"{RESULT}/model.safetensors",
        history=f"{RESULT}/history.csv",
    log:
        "results/{analysis}/logs/train_observable/{signal}__{observable}__seed{seed}.log",
    benchmark:
        "results/{analysis}/benchmarks/train_observable/{signal}__{observable}__seed{seed}.tsv"
    wildcard_constraints:
        observable=any_of(NETWORKS),
    conda:
        "../../envs/gpu.yaml"
    params:
        observable=observable_settings,
        model=model_settings,
        features=config["features"],
        evaluation_events=config["events"]["evaluation"],
        made_by=made_by("train_observable"),
    message:
        "Training {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/train_observable.py"


rule optimise_edges:
    input:
        model=source_model,
        validation=event_files("validation"),
    output:
        model=f"{RESULT}/model.safetensors",
        history=f"{RESULT}/history.csv",
    log:
        "results/{analysis}/logs/optimise_edges/{signal}__{observable}__seed{seed}.log",
    benchmark:
        "results/{analysis}/benchmarks/optimise_edges/{signal}__{observable}__seed{seed}.tsv"
    wildcard_constraints:
        observable=any_of(REBINNED),
    conda:
        "../../envs/cpu.yaml"
    params:
        observable=observable_settings,
        model=model_settings,
        made_by=made_by("optimise_edges"),
    message:
        "Optimising the edges of {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/optimise_edges.py"


rule select_seed:
    input:
        histories=all_seeds("history.csv"),
    output:
        "results/{analysis}/{signal}/{observable}/selected.json",
    log:
        "results/{analysis}/logs/select_seed/{signal}__{observable}.log",
    benchmark:
        "results/{analysis}/benchmarks/select_seed/{signal}__{observable}.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        made_by=made_by("select_seed"),
    message:
        "Choosing the seed of {wildcards.observable} for {wildcards.signal} by its validation"
    script:
        "../scripts/select_seed.py"
