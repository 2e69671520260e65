rule plot_comparison:
    input:
        comparison="<results>/comparison.csv",
        table="<results>/table.csv",
        selected=lambda wildcards: FILES.of_observables(
            "selected.json", [wildcards.signal]
        ),
        limits=lambda wildcards: FILES.of_seeds("limits.json", [wildcards.signal]),
        floor=FLOOR,
    output:
        **figures(
            "{signal}",
            *(["gain"] if ANALYSIS.baseline else []),
            "comparison",
            "limit_summary",
        ),
    log:
        "<logs>/plot_comparison/{signal}.log",
    benchmark:
        "<benchmarks>/plot_comparison/{signal}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=1000, runtime=10),
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
    resources:
        **growing(mem_mb=1000, runtime=10),
    params:
        analysis=lambda wildcards: parts.of_study(ANALYSIS, wildcards.study),
        made_by=made_by("plot_study"),
    message:
        "Drawing the study {wildcards.study} for {wildcards.signal}"
    script:
        "../scripts/plot_study.py"


rule plot_limits:
    input:
        selected=NEEDS.signals("selected.json"),
        limits=NEEDS.seeds_and_signals("limits.json"),
    output:
        **figures("{observable}", "limits"),
    log:
        "<logs>/plot_limits/{observable}.log",
    benchmark:
        "<benchmarks>/plot_limits/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=1000, runtime=10),
    params:
        parameter=ANALYSIS.parameter,
        values={
            s: point.get(ANALYSIS.parameter) for s, point in ANALYSIS.points.items()
        },
        label=ANALYSIS.label,
        made_by=made_by("plot_limits"),
    message:
        "Drawing the limits of {wildcards.observable}"
    script:
        "../scripts/plot_limits.py"


rule plot_exclusion:
    input:
        selected=NEEDS.signals("selected.json"),
        limits=NEEDS.seeds_and_signals("limits.json"),
    output:
        **figures("{observable}", "exclusion"),
    log:
        "<logs>/plot_exclusion/{observable}.log",
    benchmark:
        "<benchmarks>/plot_exclusion/{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=1000, runtime=10),
    params:
        plane=ANALYSIS.plane,
        values=ANALYSIS.points,
        label=ANALYSIS.label,
        made_by=made_by("plot_exclusion"),
    message:
        "Drawing the exclusion contours of {wildcards.observable}"
    script:
        "../scripts/plot_exclusion.py"
