rule rank_features:
    input:
        unpack(NEEDS.events(ANALYSIS.choosing_set)),
        selected=SELECTED,
        models=NEEDS.networks("model.safetensors"),
    output:
        "<results>/{signal}/{observable}/importance.json",
    log:
        "<logs>/rank_features/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/rank_features/{signal}/{observable}.tsv"
    priority: FOR_FIGURES
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=2000, runtime=20),
    params:
        **NEEDS.reading(parts.of_training, ANALYSIS.choosing_set),
        seed=ANALYSIS.seed,
        made_by=made_by("rank_features"),
    message:
        "Ranking the features of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/rank_features.py"
