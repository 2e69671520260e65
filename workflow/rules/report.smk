from hone.running.nested_report import report_options, texts_digest

# Of a repository Snakemake fetches files one by one, into another folder each time.
REPORT = (
    LIBRARY / "report"
    if LIBRARY.is_dir()
    else Path(workflow.source_path("../report/report.css")).parent
)
# Made by make_report.
PAGE = f"{ANALYSIS.folder}/first_page.rst"
# Snakemake's reports do not include files or foreign HTML, whatever a name in them may look like.
os.environ.update(DOCUTILSCONFIG=workflow.source_path("../report/docutils.conf"))

# Out of a repository Snakemake takes all captions from there.
if os.path.exists(PAGE) and LIBRARY.is_dir():

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
    params:
        config=plain(ANALYSIS),
        made_by=made_by("record_config"),
    message:
        "Recording the configuration with all defaults"
    script:
        "../scripts/record_config.py"


# A separate target: make_report renders its files.
rule results:
    input:
        lambda _: FILES.shown(),


rule make_report:
    input:
        lambda _: FILES.of_report(),
        config="<results>/config.yaml",
        headline="<results>/headline.txt",
        table="<results>/table.rst",
    output:
        report="<results>/report.html",
        provenance="<results>/provenance.html",
        page=PAGE,
    log:
        "<logs>/make_report.log",
    benchmark:
        "<benchmarks>/make_report.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        snakefile=os.path.relpath(workflow.main_snakefile),
        options=report_options(workflow, ANALYSIS.folder),
        captions=os.path.relpath(REPORT),
        stylesheet=os.path.relpath(REPORT / "report.css"),
        texts=texts_digest(LIBRARY),
        made_by=made_by("make_report"),
    message:
        "Writing the report"
    script:
        "../scripts/make_report.py"


rule describe_results:
    input:
        headline="<results>/headline.txt",
        table="<results>/table.md",
    output:
        "<results>/README.md",
    log:
        "<logs>/describe_results.log",
    benchmark:
        "<benchmarks>/describe_results.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        config=plain(ANALYSIS),
        figures=FILES.figures("png") + FILES.animations(),
        captions=os.path.relpath(REPORT),
        texts=texts_digest(LIBRARY),
        made_by=made_by("describe_results"),
    message:
        "Writing the README of the results"
    script:
        "../scripts/describe_results.py"


rule track_trainings:
    input:
        models=lambda _: FILES.of_first_networks("model.safetensors"),
        histories=lambda _: FILES.of_first_networks("history.csv"),
        workspaces=lambda _: FILES.of_seeds("workspace.json"),
        limits=lambda _: FILES.of_seeds("limits.json"),
        tuned=FILES.of_tuned("tuned.json"),
    output:
        directory("<results>/mlflow"),
    log:
        "<logs>/track_trainings.log",
    benchmark:
        "<benchmarks>/track_trainings.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=2000, runtime=30),
    params:
        analysis=parts.part(ANALYSIS, "observables"),
        made_by=made_by("track_trainings"),
    message:
        "Recording the trainings in MLflow"
    script:
        "../scripts/track_trainings.py"
