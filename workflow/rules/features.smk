rule rank_features:
    input:
        unpack(events_of("validation")),
        selected="<results>/{signal}/{observable}/selected.json",
        models=all_seeds("model.safetensors"),
    output:
        "<results>/{signal}/{observable}/importance.json",
    log:
        "<logs>/rank_features/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/rank_features/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        analysis=for_rules(parts.of_training),
        files=files_by_name("validation"),
        contents=contents_of_events,
        seed=ANALYSIS.seed,
        made_by=made_by("rank_features"),
    message:
        "Ranking the features of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/rank_features.py"
