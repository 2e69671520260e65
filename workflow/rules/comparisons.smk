# In no group: Snakemake follows each group back to all that its jobs need, here all hypotheses.
rule plot_comparison:
    input:
        **NEEDS.selected("limits"),
        comparison="<results>/comparison.csv",
        table="<results>/table.csv",
        floor=FLOOR,
    output:
        **figures("{signal}", "plot_comparison"),
    log:
        "<logs>/plot_comparison/{signal}.log",
    benchmark:
        "<benchmarks>/plot_comparison/{signal}.tsv"
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
        png=shown("study", "<figures>/{signal}/study_{study}.png"),
        pdf="<figures>/{signal}/study_{study}.pdf",
    log:
        "<logs>/plot_study/{signal}/{study}.log",
    benchmark:
        "<benchmarks>/plot_study/{signal}/{study}.tsv"
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
            **NEEDS.selected("limits"),
        output:
            **figures("{observable}", "plot_limits"),
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
