REPORT = Path(workflow.main_snakefile).parent / "workflow" / "report"
# Captions and style are not code, but the report depends on them.
TEXTS = digest({p.name: p.read_text() for p in sorted(REPORT.glob("*.[rc]s[ts]"))})
# Made by make_report.
PAGE = f"{FOLDER}/first_page.rst"
# No file inclusion or raw HTML in reports, whatever names contain.
os.environ.update(DOCUTILSCONFIG=str(REPORT / "docutils.conf"))

if os.path.exists(PAGE):

    report: os.path.abspath(PAGE)


rule record_config:
    output:
        "<results>/config.yaml",
    log:
        "<logs>/record_config.log",
    benchmark:
        "<benchmarks>/record_config.tsv"
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
        "Recording the configuration with all defaults"
    script:
        "../scripts/record_config.py"


# A separate target: make_report renders its files.
rule results:
    input:
        all_results_shown,


rule make_report:
    input:
        all_results_shown,
        config="<results>/config.yaml",
        headline="<results>/headline.txt",
        table="<results>/table.rst",
    output:
        report="<results>/report.html",
        page=PAGE,
    log:
        "<logs>/make_report.log",
    benchmark:
        "<benchmarks>/make_report.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        snakefile=os.path.relpath(workflow.main_snakefile),
        stylesheet=os.path.relpath(REPORT / "report.css"),
        texts=TEXTS,
        made_by=made_by("make_report"),
    message:
        "Writing the report"
    script:
        "../scripts/make_report.py"


rule describe_results:
    input:
        summary="<results>/summary.txt",
    output:
        "<results>/README.md",
    log:
        "<logs>/describe_results.log",
    benchmark:
        "<benchmarks>/describe_results.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        config=config,
        figures=lambda wildcards: all_figures("png")(wildcards) + animations(wildcards),
        captions=os.path.relpath(REPORT),
        texts=TEXTS,
        made_by=made_by("describe_results"),
    message:
        "Writing the README of the results"
    script:
        "../scripts/describe_results.py"


rule track_trainings:
    input:
        models=all_results("model.safetensors"),
        histories=all_results("history.csv"),
        workspaces=all_results("workspace.json"),
        limits=all_results("limits.json"),
    output:
        directory("<results>/mlflow"),
    log:
        "<logs>/track_trainings.log",
    benchmark:
        "<benchmarks>/track_trainings.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        observables=OBSERVABLES,
        analysis=ANALYSIS,
        made_by=made_by("track_trainings"),
    message:
        "Recording the trainings in MLflow"
    script:
        "../scripts/track_trainings.py"
