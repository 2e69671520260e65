rule fit_workspace:
    input:
        selected="<results>/{signal}/{observable}/selected.json",
        workspaces=all_seeds("workspace.json"),
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
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        blind=ANALYSIS.is_blind,
        made_by=made_by("fit_workspace"),
    message:
        "Fitting the workspace of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/fit_workspace.py"


rule plot_fit:
    input:
        "<results>/{signal}/{observable}/fit.json",
    output:
        **figures("prefit", "postfit", "pulls", "correlation", "impacts"),
    log:
        "<logs>/plot_fit/{signal}/{observable}.log",
    benchmark:
        "<benchmarks>/plot_fit/{signal}/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        title=title,
        made_by=made_by("plot_fit"),
    message:
        "Drawing the fit of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_fit.py"
