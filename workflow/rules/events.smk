rule simulate_events:
    output:
        expand("results/{{analysis}}/events/{set}/{{template}}.root", set=SETS),
    params:
        config=template_settings,
        made_by=made_by("simulate_events"),
    log:
        "results/{analysis}/logs/simulate_events/{template}.log",
    benchmark:
        "results/{analysis}/benchmarks/simulate_events/{template}.tsv"
    conda:
        "../../envs/cpu.yaml"
    message:
        "Generating events of {wildcards.template}"
    script:
        "../scripts/simulate_events.py"


rule simulate_observation:
    output:
        "results/{analysis}/events/observed/data.root",
    params:
        config=settings("samples", "features", "observation"),
        made_by=made_by("simulate_observation"),
    log:
        "results/{analysis}/logs/simulate_observation.log",
    benchmark:
        "results/{analysis}/benchmarks/simulate_observation.tsv"
    conda:
        "../../envs/cpu.yaml"
    message:
        "Drawing the pseudo-data"
    script:
        "../scripts/simulate_observation.py"
