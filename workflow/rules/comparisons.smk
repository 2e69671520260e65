# Only if there is a baseline.
GAIN_FIGURES = {}
if BASELINE:
    GAIN_FIGURES["gain_png"] = report(
        "<results>/figures/{signal}__gain.png",
        caption="../report/gain.rst",
        category="Results",
        labels={"figure": "gain", "signal": "{signal}", "observable": "all"},
    )
    GAIN_FIGURES["gain_pdf"] = "<results>/figures/{signal}__gain.pdf"


rule plot_comparison:
    input:
        comparison="<results>/comparison.csv",
        table="<results>/table.csv",
        floor="<results>/{signal}/floor.json" if HAS_FLOOR else [],
    output:
        **GAIN_FIGURES,
        png=report(
            "<results>/figures/{signal}__comparison.png",
            caption="../report/comparison.rst",
            category="Results",
            labels={"figure": "comparison", "signal": "{signal}", "observable": "all"},
        ),
        pdf="<results>/figures/{signal}__comparison.pdf",
    log:
        "<logs>/plot_comparison/{signal}.log",
    benchmark:
        "<benchmarks>/plot_comparison/{signal}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        gain=bool(GAIN_FIGURES),
        made_by=made_by("plot_comparison"),
    message:
        "Drawing the comparison of observables for {wildcards.signal}"
    script:
        "../scripts/plot_comparison.py"


rule plot_study:
    input:
        comparison="<results>/comparison.csv",
        floor="<results>/{signal}/floor.json" if HAS_FLOOR else [],
    output:
        png=report(
            "<results>/figures/{signal}__study_{study}.png",
            caption="../report/study.rst",
            category="Results",
            labels={
                "figure": "study {study}",
                "signal": "{signal}",
                "observable": "several",
            },
        ),
        pdf="<results>/figures/{signal}__study_{study}.pdf",
    log:
        "<logs>/plot_study/{signal}__{study}.log",
    benchmark:
        "<benchmarks>/plot_study/{signal}__{study}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        study=lambda wildcards: STUDIES[wildcards.study],
        observables=lambda wildcards: [
            OBSERVABLES[name] for name in STUDIES[wildcards.study]["observables"]
        ],
        made_by=made_by("plot_study"),
    message:
        "Drawing the study {wildcards.study} for {wildcards.signal}"
    script:
        "../scripts/plot_study.py"


rule plot_limits:
    input:
        selected=of_all_signals("selected.json"),
        limits=of_all_seeds_and_signals("limits.json"),
    output:
        png=report(
            "<results>/figures/{observable}__limits.png",
            caption="../report/limits.rst",
            category="Results",
            labels={
                "figure": "limits",
                "signal": "all",
                "observable": "{observable}",
            },
        ),
        pdf="<results>/figures/{observable}__limits.pdf",
    log:
        "<logs>/plot_limits/{observable}.log",
    benchmark:
        "<benchmarks>/plot_limits/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        parameter=PARAMETER,
        values={s: p.get(PARAMETER) for s, p in PARAMETERS.items()},
        made_by=made_by("plot_limits"),
    message:
        "Drawing the limits of {wildcards.observable}"
    script:
        "../scripts/plot_limits.py"


rule plot_exclusion:
    input:
        selected=of_all_signals("selected.json"),
        limits=of_all_seeds_and_signals("limits.json"),
    output:
        png=report(
            "<results>/figures/{observable}__exclusion.png",
            caption="../report/exclusion.rst",
            category="Results",
            labels={
                "figure": "exclusion",
                "signal": "all",
                "observable": "{observable}",
            },
        ),
        pdf="<results>/figures/{observable}__exclusion.pdf",
    log:
        "<logs>/plot_exclusion/{observable}.log",
    benchmark:
        "<benchmarks>/plot_exclusion/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        plane=PLANE,
        values=PARAMETERS,
        made_by=made_by("plot_exclusion"),
    message:
        "Drawing the exclusion contours of {wildcards.observable}"
    script:
        "../scripts/plot_exclusion.py"
