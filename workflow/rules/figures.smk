rule plot_training:
    input:
        histories=all_seeds("history.csv"),
    output:
        **figures("training", "edges"),
    log:
        "<logs>/plot_training/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_training/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        title=title,
        made_by=made_by("plot_training"),
    message:
        "Drawing the training of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_training.py"


rule animate_training:
    input:
        unpack(events_of("validation")),
        selected="<results>/{signal}/{observable}/selected.json",
        models=all_seeds("model.safetensors"),
        snapshots=all_seeds("snapshots.safetensors"),
        histories=all_seeds("history.csv"),
    output:
        shown(
            "<results>/figures/{signal}/{observable}/training.gif",
            "animation",
            "",
            "{signal}",
            "{observable}",
        ),
    log:
        "<logs>/animate_training/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/animate_training/{signal}/{observable}.tsv"
    wildcard_constraints:
        observable=any_of(TRAINED),
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
        title=title,
        made_by=made_by("animate_training"),
    message:
        "Animating the training of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/animate_training.py"


rule plot_plane:
    input:
        unpack(events_of("evaluation")),
        selected="<results>/{signal}/{observable}/selected.json",
        models=all_seeds("model.safetensors"),
        importance="<results>/{signal}/{observable}/importance.json",
    output:
        **figures("plane", "importance"),
    log:
        "<logs>/plot_plane/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_plane/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        analysis=for_rules(parts.of_reading),
        files=files_by_name("evaluation"),
        contents=contents_of_events,
        title=title,
        made_by=made_by("plot_plane"),
    message:
        "Drawing {wildcards.observable} against its features for {wildcards.signal}"
    script:
        "../scripts/plot_plane.py"


rule plot_histograms:
    input:
        selected="<results>/{signal}/{observable}/selected.json",
        histograms=all_seeds("histograms.root"),
    output:
        **figures("templates", "soft_hard", "systematics"),
    log:
        "<logs>/plot_histograms/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_histograms/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        analysis=for_rules(parts.of_model),
        blind=ANALYSIS.is_blind,
        title=title,
        made_by=made_by("plot_histograms"),
    message:
        "Drawing the histograms of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_histograms.py"


rule plot_cls_scan:
    input:
        selected="<results>/{signal}/{observable}/selected.json",
        limits=all_seeds("limits.json"),
    output:
        **figures("cls_scan"),
    log:
        "<logs>/plot_cls_scan/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_cls_scan/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        title=title,
        made_by=made_by("plot_cls_scan"),
    message:
        "Drawing the CLs scan of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_cls_scan.py"
