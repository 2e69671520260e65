rule fit_workspace:
    input:
        selected=SELECTED,
        workspaces=NEEDS.seeds("workspace.json"),
        likelihood="<results>/{signal}/{observable}/likelihood.json",
    output:
        "<results>/{signal}/{observable}/fit.json",
    log:
        "<logs>/fit_workspace/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/fit_workspace/{signal}/{observable}.tsv"
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
        made_by=made_by("fit_workspace"),
    message:
        "Fitting the workspace of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/fit_workspace.py"


rule plot_fit:
    input:
        "<results>/{signal}/{observable}/fit.json",
    output:
        **figures(
            "{signal}/{observable}",
            "prefit",
            "postfit",
            "pulls",
            "correlation",
            "impacts",
            "breakdown",
        ),
    log:
        "<logs>/plot_fit/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_fit/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=1000, runtime=10),
    params:
        title=NEEDS.title(),
        label=ANALYSIS.label,
        made_by=made_by("plot_fit"),
    message:
        "Drawing the fit of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_fit.py"
