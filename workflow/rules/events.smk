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
    params:
        analysis=NEEDS.of_template(parts.of_generation),
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
    params:
        analysis=parts.part(ANALYSIS, "samples", "observation"),
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
        template=any_of(FILES.ntuples),
    conda:
        "../../envs/cpu.yaml"
    resources:
        **growing(mem_mb=1000, runtime=60),
    params:
        analysis=NEEDS.of_template(parts.of_collisions),
        made_by=made_by("simulate_dimuons", "pythia8mc"),
    message:
        "Simulating dimuons of {wildcards.template}"
    script:
        "../scripts/simulate_dimuons.py"


rule survey_events:
    input:
        NEEDS.template_events(),
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
    params:
        analysis=NEEDS.of_template(parts.of_survey),
        files=NEEDS.template_files(),
        nominal=NEEDS.sample_files(),
        contents=NEEDS.template_contents(),
        made_by=made_by("survey_events"),
    message:
        "Surveying the events of {wildcards.template}"
    script:
        "../scripts/survey_events.py"


# Separate from the survey, so that a weight needed by some observables only reruns nothing else.
rule survey_weights:
    input:
        files=NEEDS.template_events(),
        survey="<results>/inputs/{template}.json",
    output:
        "<results>/inputs/weights/{template}.json",
    log:
        "<logs>/survey_weights/{template}.log",
    benchmark:
        "<benchmarks>/survey_weights/{template}.tsv"
    wildcard_constraints:
        template=any_of(NEEDS.weighted),
    group:
        "events"
    conda:
        "../../envs/cpu.yaml"
    params:
        analysis=NEEDS.of_template(parts.of_weights),
        files=NEEDS.template_files(),
        contents=NEEDS.template_contents(),
        made_by=made_by("survey_weights"),
    message:
        "Summing the varied weights of {wildcards.template}"
    script:
        "../scripts/survey_weights.py"


# `snakemake check_inputs` is a first look at yields, before anything is trained.
rule check_inputs:
    input:
        surveys=expand("<results>/inputs/{name}.json", name=NEEDS.templates),
        weights=expand("<results>/inputs/weights/{name}.json", name=NEEDS.weighted),
    output:
        csv="<results>/inputs/yields.csv",
        txt=shown("inputs", "<results>/inputs/yields.txt"),
    log:
        "<logs>/check_inputs.log",
    benchmark:
        "<benchmarks>/check_inputs.tsv"
    priority: FOR_LIMITS
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        analysis=parts.part(
            ANALYSIS, "samples", "regions", "systematics", "measure", "observation"
        ),
        observables={name: list(of_it) for name, of_it in seen(ANALYSIS).items()},
        made_by=made_by("check_inputs"),
    message:
        "Checking the inputs"
    script:
        "../scripts/check_inputs.py"
