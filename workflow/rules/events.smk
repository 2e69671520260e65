rule simulate_events:
    output:
        expand("results/{{analysis}}/events/{set}/{{template}}.root", set=SETS),
    log:
        "results/{analysis}/logs/simulate_events/{template}.log",
    benchmark:
        "results/{analysis}/benchmarks/simulate_events/{template}.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        config=template_settings,
        made_by=made_by("simulate_events"),
    message:
        "Generating events of {wildcards.template}"
    script:
        "../scripts/simulate_events.py"


rule simulate_observation:
    output:
        "results/{analysis}/events/observed/data.root",
    log:
        "results/{analysis}/logs/simulate_observation.log",
    benchmark:
        "results/{analysis}/benchmarks/simulate_observation.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        config=settings("samples", "features", "observation"),
        made_by=made_by("simulate_observation"),
    message:
        "Drawing the pseudo-data"
    script:
        "../scripts/simulate_observation.py"
