rule compute_limits:
    input:
        workspace=f"{RESULT}/workspace.json",
        histograms=f"{RESULT}/histograms.root",
    output:
        f"{RESULT}/limits.json",
    log:
        "<logs>/compute_limits/{signal}/{observable}/seed{seed}.log",
    benchmark:
        "<benchmarks>/compute_limits/{signal}/{observable}/seed{seed}.tsv"
    group:
        "limits"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        analysis=for_rules(parts.of_model, "limits"),
        event_sets=of_hypothesis(FILES.templates),
        scaled=of_hypothesis(FILES.templates_scaled_to_yield),
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
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        analysis=parts.part(ANALYSIS, "samples", "systematics", "features", "limits"),
        bins=sorted({o.bins for o in ANALYSIS.observables if hasattr(o, "bins")}),
        subsets={
            name: [s.name for s in ANALYSIS.systematics_of(name)]
            for name in FILES.observables
            if ANALYSIS.systematics_of(name) != ANALYSIS.systematics
        },
        made_by=made_by("compute_floor"),
    message:
        "Computing the floor for {wildcards.signal}"
    script:
        "../scripts/compute_floor.py"


rule compare_observables:
    input:
        limits=FILES.of_seeds("limits.json"),
        floors=(
            expand(
                "<results>/{signal}/floor.json",
                signal=ANALYSIS.signals,
            )
            if ANALYSIS.has_floor
            else []
        ),
    output:
        comparison=shown("<results>/comparison.csv", "comparison_table"),
        summary=shown("<results>/summary.txt", "summary"),
        headline="<results>/headline.txt",
        first_page="<results>/table.rst",
        table=shown("<results>/table.csv", "table", "table (CSV)"),
        markdown=shown("<results>/table.md", "table", "table (Markdown)"),
        latex=shown("<results>/table.tex", "table", "table (LaTeX)"),
    log:
        "<logs>/compare_observables.log",
    benchmark:
        "<benchmarks>/compare_observables.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        baseline=ANALYSIS.baseline,
        name=ANALYSIS.analysis,
        made_by=made_by("compare_observables"),
    message:
        "Comparing the observables"
    script:
        "../scripts/compare_observables.py"
