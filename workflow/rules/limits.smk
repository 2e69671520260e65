rule compute_limits:
    input:
        workspace=f"{RESULT}/workspace.json",
        histograms=f"{RESULT}/histograms.root",
    output:
        f"{RESULT}/limits.json",
    log:
        "<logs>/compute_limits/{signal}__{observable}__seed{seed}.log",
    benchmark:
        "<benchmarks>/compute_limits/{signal}__{observable}__seed{seed}.tsv"
    group:
        "limits"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        level=config["limits"]["level"],
        histograms=config["workspace"]["histograms"],
        model=model_settings,
        postprocessing=POSTPROCESSING,
        event_sets=event_sets,
        scaled=event_sets_scaled,
        blind=BLIND,
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
        config=settings("samples", "systematics", "features", "limits"),
        bins=sorted({o["bins"] for o in OBSERVABLES.values() if "bins" in o}),
        subsets={
            name: systematics_of(config, name)
            for name in OBSERVABLES
            if systematics_of(config, name) != config["systematics"]
        },
        made_by=made_by("compute_floor"),
    message:
        "Computing the floor for {wildcards.signal}"
    script:
        "../scripts/compute_floor.py"


rule compare_observables:
    input:
        limits=all_results("limits.json"),
        floors=(
            expand(
                "<results>/{signal}/floor.json",
                signal=SIGNALS,
            )
            if HAS_FLOOR
            else []
        ),
    output:
        comparison=report(
            "<results>/comparison.csv",
            caption="../report/comparison_table.rst",
            category="Results",
            labels={"figure": "all numbers", "signal": "all", "observable": "all"},
        ),
        summary=report(
            "<results>/summary.txt",
            caption="../report/summary.rst",
            category="Results",
            labels={"figure": "summary", "signal": "all", "observable": "all"},
        ),
        headline="<results>/headline.txt",
        first_page="<results>/table.rst",
        table=report(
            "<results>/table.csv",
            caption="../report/table.rst",
            category="Results",
            labels={"figure": "table (CSV)", "signal": "all", "observable": "all"},
        ),
        markdown=report(
            "<results>/table.md",
            caption="../report/table.rst",
            category="Results",
            labels={
                "figure": "table (Markdown)",
                "signal": "all",
                "observable": "all",
            },
        ),
        latex=report(
            "<results>/table.tex",
            caption="../report/table.rst",
            category="Results",
            labels={"figure": "table (LaTeX)", "signal": "all", "observable": "all"},
        ),
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
        baseline=BASELINE,
        analysis=ANALYSIS,
        made_by=made_by("compare_observables"),
    message:
        "Comparing the observables"
    script:
        "../scripts/compare_observables.py"
