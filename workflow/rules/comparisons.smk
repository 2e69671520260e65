# Only if there is a baseline.
GAIN_FIGURES = {}
if ANALYSIS.baseline:
    GAIN_FIGURES["gain_png"] = shown(
        "<results>/figures/{signal}/gain.png", "gain", "", "{signal}"
    )
    GAIN_FIGURES["gain_pdf"] = "<results>/figures/{signal}/gain.pdf"


rule plot_comparison:
    input:
        comparison="<results>/comparison.csv",
        table="<results>/table.csv",
        floor="<results>/{signal}/floor.json" if ANALYSIS.has_floor else [],
    output:
        **GAIN_FIGURES,
        png=shown(
            "<results>/figures/{signal}/comparison.png", "comparison", "", "{signal}"
        ),
        pdf="<results>/figures/{signal}/comparison.pdf",
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
        floor="<results>/{signal}/floor.json" if ANALYSIS.has_floor else [],
    output:
        png=shown(
            "<results>/figures/{signal}/study_{study}.png",
            "study",
            "",
            "{signal}",
            "several",
        ),
        pdf="<results>/figures/{signal}/study_{study}.pdf",
    log:
        "<logs>/plot_study/{signal}/{study}.log",
    benchmark:
        "<benchmarks>/plot_study/{signal}/{study}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        analysis=lambda wildcards: parts.of_study(ANALYSIS, wildcards.study),
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
        png=shown(
            "<results>/figures/{observable}/limits.png",
            "limits",
            observable="{observable}",
        ),
        pdf="<results>/figures/{observable}/limits.pdf",
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
        parameter=ANALYSIS.parameter,
        values={
            name: ANALYSIS.sample(name).parameters.get(ANALYSIS.parameter)
            for name in ANALYSIS.signals
        },
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
        png=shown(
            "<results>/figures/{observable}/exclusion.png",
            "exclusion",
            observable="{observable}",
        ),
        pdf="<results>/figures/{observable}/exclusion.pdf",
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
        plane=ANALYSIS.plane,
        values={name: ANALYSIS.sample(name).parameters for name in ANALYSIS.signals},
        made_by=made_by("plot_exclusion"),
    message:
        "Drawing the exclusion contours of {wildcards.observable}"
    script:
        "../scripts/plot_exclusion.py"
