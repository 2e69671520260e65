rule simulate_events:
    output:
        expand("<results>/events/{set}/{{template}}.root", set=SETS),
    log:
        "<logs>/simulate_events/{template}.log",
    benchmark:
        "<benchmarks>/simulate_events/{template}.tsv"
    group:
        "events"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        config=template_settings,
        made_by=made_by("simulate_events"),
    message:
        "Generating events of {wildcards.template}"
    script:
        "../scripts/simulate_events.py"


rule simulate_observation:
    output:
        "<results>/events/observed/data.root",
    log:
        "<logs>/simulate_observation.log",
    benchmark:
        "<benchmarks>/simulate_observation.tsv"
    group:
        "events"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        config=settings("samples", "observation"),
        made_by=made_by("simulate_observation"),
    message:
        "Generating the pseudo-data"
    script:
        "../scripts/simulate_observation.py"


rule simulate_dimuons:
    output:
        "<results>/events/dimuons/{template}.root",
    log:
        "<logs>/simulate_dimuons/{template}.log",
    benchmark:
        "<benchmarks>/simulate_dimuons/{template}.tsv"
    wildcard_constraints:
        template=any_of(FILES),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    params:
        seed=config["seed"],
        sample=lambda wildcards: wildcards.template.partition("__")[0],
        dimuons=lambda wildcards: sample_of(wildcards)["dimuons"],
        variation=muon_variation,
        made_by=made_by("simulate_dimuons", "pythia8mc"),
    message:
        "Simulating dimuons of {wildcards.template}"
    script:
        "../scripts/simulate_dimuons.py"


rule survey_events:
    input:
        surveyed_files,
    output:
        "<results>/inputs/{template}.json",
    log:
        "<logs>/survey_events/{template}.log",
    benchmark:
        "<benchmarks>/survey_events/{template}.tsv"
    group:
        "events"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        inputs=survey_settings,
        contents=contents_of_template,
        features=config["features"],
        made_by=made_by("survey_events"),
    message:
        "Surveying the events of {wildcards.template}"
    script:
        "../scripts/survey_events.py"


# Separate from the survey, so that a weight needed by some observables only reruns nothing else.
rule survey_weights:
    input:
        files=surveyed_files,
        survey="<results>/inputs/{template}.json",
    output:
        "<results>/inputs/weights/{template}.json",
    log:
        "<logs>/survey_weights/{template}.log",
    benchmark:
        "<benchmarks>/survey_weights/{template}.tsv"
    wildcard_constraints:
        template=any_of(WEIGHTED),
    group:
        "events"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(20),
    params:
        inputs=weight_settings,
        contents=contents_of_template,
        made_by=made_by("survey_weights"),
    message:
        "Summing the varied weights of {wildcards.template}"
    script:
        "../scripts/survey_weights.py"


# `snakemake check_inputs` is a first look at yields, before anything is trained.
rule check_inputs:
    input:
        surveys=expand(
            "<results>/inputs/{template}.json",
            template=TEMPLATES,
        ),
        weights=expand(
            "<results>/inputs/weights/{template}.json",
            template=WEIGHTED,
        ),
    output:
        csv="<results>/inputs/yields.csv",
        txt=report(
            "<results>/inputs/yields.txt",
            caption="../report/inputs.rst",
            category="Inputs",
            labels={"figure": "yields", "signal": "all", "observable": "all"},
        ),
    log:
        "<logs>/check_inputs.log",
    benchmark:
        "<benchmarks>/check_inputs.tsv"
    priority: 1
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        inputs=settings("samples", "regions"),
        batches={name: OBSERVABLES[name]["batch"] for name in TRAINED},
        made_by=made_by("check_inputs"),
    message:
        "Checking the inputs"
    script:
        "../scripts/check_inputs.py"
