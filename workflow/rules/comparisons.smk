rule plot_comparison:
    input:
        comparison="<results>/comparison.csv",
        table="<results>/table.csv",
        selected=NEEDS.observables("selected.json"),
        limits=NEEDS.seeds_and_observables("limits.json"),
        floor=FLOOR,
    output:
        **figures("{signal}", "comparison", "limit_summary"),
        **figures("{signal}", *["gain"] * bool(ANALYSIS.baseline)),
    log:
        "<logs>/plot_comparison/{signal}.log",
    benchmark:
        "<benchmarks>/plot_comparison/{signal}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    params:
        gain=ANALYSIS.baseline is not None,
        label=ANALYSIS.label,
        made_by=made_by("plot_comparison"),
    message:
        "Drawing the comparison of observables for {wildcards.signal}"
    script:
        "../scripts/plot_comparison.py"


rule plot_study:
    input:
        comparison="<results>/comparison.csv",
        floor=FLOOR,
    output:
        png=shown("study", "<results>/figures/{signal}/study_{study}.png"),
        pdf="<results>/figures/{signal}/study_{study}.pdf",
    log:
        "<logs>/plot_study/{signal}/{study}.log",
    benchmark:
        "<benchmarks>/plot_study/{signal}/{study}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    params:
        analysis=lambda wildcards: parts.of_study(ANALYSIS, wildcards.study),
        made_by=made_by("plot_study"),
    message:
        "Drawing the study {wildcards.study} for {wildcards.signal}"
    script:
        "../scripts/plot_study.py"


# Of hypotheses without parameters there are no such figures.
if ANALYSIS.parameter or ANALYSIS.plane:

    rule plot_limits:
        input:
            selected=NEEDS.signals("selected.json"),
            limits=NEEDS.seeds_and_signals("limits.json"),
        output:
            **figures("{observable}", *["limits"] * bool(ANALYSIS.parameter)),
            **figures("{observable}", *["exclusion"] * bool(ANALYSIS.plane)),
        log:
            "<logs>/plot_limits/{observable}.log",
        benchmark:
            "<benchmarks>/plot_limits/{observable}.tsv"
        group:
            "figures"
        conda:
            "../../envs/cpu.yaml"
        params:
            parameter=ANALYSIS.parameter,
            plane=ANALYSIS.plane,
            points=ANALYSIS.points,
            label=ANALYSIS.label,
            made_by=made_by("plot_limits"),
        message:
            "Drawing the limits of {wildcards.observable}"
        script:
            "../scripts/plot_limits.py"
