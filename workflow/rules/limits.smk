rule compute_limits:
    input:
        workspace=f"{RESULT}/workspace.json",
        histograms=f"{RESULT}/histograms.root",
        surveys=NEEDS.surveys(),
    output:
        f"{RESULT}/limits.json",
    log:
        "<logs>/compute_limits/{signal}/{observable}/seed{seed}.log",
    benchmark:
        "<benchmarks>/compute_limits/{signal}/{observable}/seed{seed}.tsv"
    priority: FOR_LIMITS
    group:
        "limits"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=2000, runtime=30),
    params:
        analysis=NEEDS.part(parts.of_model, "limits"),
        event_sets=NEEDS.of_hypothesis(FILES.templates_that_fluctuate),
        blind=ANALYSIS.is_blind,
        made_by=made_by("compute_limits"),
    message:
        "Computing limits of {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/compute_limits.py"


rule compute_floor:
    output:
        "<results>/{signal}/floor.json",
    log:
        "<logs>/compute_floor/{signal}.log",
    benchmark:
        "<benchmarks>/compute_floor/{signal}.tsv"
    priority: FOR_LIMITS
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=3000, runtime=60),
    params:
        **parts.of_floor(ANALYSIS),
        made_by=made_by("compute_floor"),
    message:
        "Computing the floor for {wildcards.signal}"
    script:
        "../scripts/compute_floor.py"


rule compare_observables:
    input:
        **NEEDS.selected("limits"),
        floors=FILES.floors(*ANALYSIS.signals),
    output:
        comparison=shown("comparison_table", "<results>/comparison.csv"),
        summary=shown("summary", "<results>/summary.txt"),
        headline="<results>/headline.txt",
        first_page="<results>/table.rst",
        table=shown("table", "<results>/table.csv", "table (CSV)"),
        markdown=shown("table", "<results>/table.md", "table (Markdown)"),
        latex=shown("table", "<results>/table.tex", "table (LaTeX)"),
    log:
        "<logs>/compare_observables.log",
    benchmark:
        "<benchmarks>/compare_observables.tsv"
    priority: FOR_LIMITS
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        baseline=ANALYSIS.baseline,
        fair=fair_baseline(ANALYSIS),
        name=ANALYSIS.analysis,
        poi=ANALYSIS.measured[0],
        label=ANALYSIS.label,
        made_by=made_by("compare_observables"),
    message:
        "Tabulating limits and other figures of merit"
    script:
        "../scripts/compare_observables.py"


# `snakemake limits` is the result without its figures and report: nothing is drawn.
rule limits:
    input:
        lambda _: FILES.of_seeds("limits.json"),
        "<results>/comparison.csv",
        "<results>/summary.txt",
        "<results>/config.yaml",
