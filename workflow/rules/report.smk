rule record_config:
    output:
        "results/{analysis}/config.yaml",
    log:
        "results/{analysis}/logs/record_config.log",
    benchmark:
        "results/{analysis}/benchmarks/record_config.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        config=config,
        made_by=made_by("record_config"),
    message:
        "Writing down the configuration with all defaults"
    script:
        "../scripts/record_config.py"


# Everything that the report shows; a target of its own because the report is made of it.
rule results:
    input:
        f"results/{ANALYSIS}/comparison.csv",
        f"results/{ANALYSIS}/summary.txt",
        f"results/{ANALYSIS}/inputs/yields.txt",
        all_figures("png"),
        all_figures("pdf"),
        animations(),
        patchsets(),
        expand(
            "results/{analysis}/{signal}/{observable}/selected.json",
            analysis=ANALYSIS,
            signal=SIGNALS,
            observable=OBSERVABLES,
        ),


rule make_report:
    input:
        rules.results.input,
        config="results/{analysis}/config.yaml",
    output:
        report="results/{analysis}/report.html",
        made="results/{analysis}/run.rst",
    log:
        "results/{analysis}/logs/make_report.log",
    benchmark:
        "results/{analysis}/benchmarks/make_report.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        snakefile=os.path.relpath(workflow.main_snakefile),
        stylesheet=os.path.relpath(
            Path(workflow.main_snakefile).parent / "workflow/report/report.css"
        ),
        made_by=made_by("make_report"),
    message:
        "Writing the report"
    script:
        "../scripts/make_report.py"


rule describe_results:
    input:
        summary="results/{analysis}/summary.txt",
        figures=all_figures("png") + animations(),
    output:
        "results/{analysis}/README.md",
    log:
        "results/{analysis}/logs/describe_results.log",
    benchmark:
        "results/{analysis}/benchmarks/describe_results.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        config=config,
        captions=os.path.relpath(
            Path(workflow.main_snakefile).parent / "workflow/report"
        ),
        made_by=made_by("describe_results"),
    message:
        "Describing the results"
    script:
        "../scripts/describe_results.py"


rule track_trainings:
    input:
        models=all_results("model.safetensors"),
        histories=all_results("history.csv"),
        workspaces=all_results("workspace.json"),
        limits=all_results("limits.json"),
    output:
        directory("results/{analysis}/mlflow"),
    log:
        "results/{analysis}/logs/track_trainings.log",
    benchmark:
        "results/{analysis}/benchmarks/track_trainings.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        observables=OBSERVABLES,
        made_by=made_by("track_trainings"),
    message:
        "Writing the trainings as runs of MLflow"
    script:
        "../scripts/track_trainings.py"
