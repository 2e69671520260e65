rule scan_likelihood:
    input:
        selected="<results>/{signal}/{observable}/selected.json",
        workspaces=all_seeds("workspace.json"),
        limits=all_seeds("limits.json"),
    output:
        "<results>/{signal}/{observable}/likelihood.json",
    log:
        "<logs>/scan_likelihood/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/scan_likelihood/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        blind=ANALYSIS.is_blind,
        seed=ANALYSIS.seed,
        toys=2000,
        made_by=made_by("scan_likelihood"),
    message:
        "Scanning the likelihood of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/scan_likelihood.py"


rule check_gradient:
    input:
        unpack(events_of("training")),
        selected="<results>/{signal}/{observable}/selected.json",
        models=all_seeds("model.safetensors"),
    output:
        "<results>/{signal}/{observable}/gradient.json",
    log:
        "<logs>/check_gradient/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/check_gradient/{signal}/{observable}.tsv"
    wildcard_constraints:
        observable=any_of(TRAINED),
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(20),
    params:
        **selection_settings("training"),
        seed=ANALYSIS.seed,
        made_by=made_by("check_gradient"),
    message:
        "Checking the gradient of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/check_gradient.py"


rule plot_likelihood:
    input:
        "<results>/{signal}/{observable}/likelihood.json",
    output:
        **figures("profile", "contour", "toys"),
    log:
        "<logs>/plot_likelihood/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_likelihood/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        title=title,
        made_by=made_by("plot_likelihood"),
    message:
        "Drawing the likelihood of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_likelihood.py"


rule plot_gradient:
    input:
        "<results>/{signal}/{observable}/gradient.json",
    output:
        **figures("gradient"),
    log:
        "<logs>/plot_gradient/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_gradient/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        title=title,
        made_by=made_by("plot_gradient"),
    message:
        "Drawing the gradient of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_gradient.py"
