rule scan_likelihood:
    input:
        **NEEDS.selected("workspaces", "limits"),
    output:
        "<results>/{signal}/{observable}/likelihood.json",
    log:
        "<logs>/scan_likelihood/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/scan_likelihood/{signal}/{observable}.tsv"
    priority: FOR_FIGURES
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=2000, runtime=20),
    params:
        blind=ANALYSIS.is_blind,
        beside=ANALYSIS.measured[1:],
        seed=ANALYSIS.seed,
        toys=2000,
        made_by=made_by("scan_likelihood"),
    message:
        "Scanning the likelihood of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/scan_likelihood.py"


rule fit_workspace:
    input:
        **NEEDS.selected("workspaces"),
        likelihood="<results>/{signal}/{observable}/likelihood.json",
    output:
        "<results>/{signal}/{observable}/fit.json",
    log:
        "<logs>/fit_workspace/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/fit_workspace/{signal}/{observable}.tsv"
    priority: FOR_FIGURES
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=2000, runtime=30),
    params:
        blind=ANALYSIS.is_blind,
        groups=NEEDS.groups(),
        seed=ANALYSIS.seed,
        toys=1000,
        level=ANALYSIS.limits.level,
        made_by=made_by("fit_workspace"),
    message:
        "Fitting the workspace of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/fit_workspace.py"


rule plot_likelihood:
    input:
        **NEEDS.selected("limits", "histograms"),
        likelihood="<results>/{signal}/{observable}/likelihood.json",
        fit="<results>/{signal}/{observable}/fit.json",
    output:
        **figures("{signal}/{observable}", "plot_likelihood"),
    log:
        "<logs>/plot_likelihood/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_likelihood/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    params:
        title=NEEDS.title(),
        label=ANALYSIS.label,
        binned=NEEDS.binned(),
        made_by=made_by("plot_likelihood"),
    message:
        "Drawing the likelihood of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_likelihood.py"


rule check_gradient:
    input:
        unpack(NEEDS.events("training")),
        selected=SELECTED,
        models=NEEDS.networks("model.safetensors"),
    output:
        "<results>/{signal}/{observable}/gradient.json",
    log:
        "<logs>/check_gradient/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/check_gradient/{signal}/{observable}.tsv"
    wildcard_constraints:
        observable=any_of(ANALYSIS.of_kind(Trained)),
    priority: FOR_FIGURES
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=3000, runtime=20),
    params:
        **NEEDS.training("training"),
        seed=ANALYSIS.seed,
        made_by=made_by("check_gradient"),
    message:
        "Checking the gradient of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/check_gradient.py"
