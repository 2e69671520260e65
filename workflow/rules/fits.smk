rule fit_workspace:
    input:
        selected="<results>/{signal}/{observable}/selected.json",
        workspaces=all_seeds("workspace.json"),
        likelihood="<results>/{signal}/{observable}/likelihood.json",
    output:
        "<results>/{signal}/{observable}/fit.json",
    log:
        "<logs>/fit_workspace/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/fit_workspace/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        blind=BLIND,
        made_by=made_by("fit_workspace"),
    message:
        "Fitting the workspace of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/fit_workspace.py"


rule plot_fit:
    input:
        "<results>/{signal}/{observable}/fit.json",
    output:
        prefit_png=report(
            f"{FIGURE}prefit.png",
            caption="../report/prefit.rst",
            category="Fits",
            labels={
                "figure": "before the fit",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        postfit_png=report(
            f"{FIGURE}postfit.png",
            caption="../report/postfit.rst",
            category="Fits",
            labels={
                "figure": "after the fit",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        pulls_png=report(
            f"{FIGURE}pulls.png",
            caption="../report/pulls.rst",
            category="Fits",
            labels={
                "figure": "pulls",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        correlation_png=report(
            f"{FIGURE}correlation.png",
            caption="../report/correlation.rst",
            category="Fits",
            labels={
                "figure": "correlations",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        impacts_png=report(
            f"{FIGURE}impacts.png",
            caption="../report/impacts.rst",
            category="Fits",
            labels={
                "figure": "impacts",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        prefit_pdf=f"{FIGURE}prefit.pdf",
        postfit_pdf=f"{FIGURE}postfit.pdf",
        pulls_pdf=f"{FIGURE}pulls.pdf",
        correlation_pdf=f"{FIGURE}correlation.pdf",
        impacts_pdf=f"{FIGURE}impacts.pdf",
    log:
        "<logs>/plot_fit/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/plot_fit/{signal}__{observable}.tsv"
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
