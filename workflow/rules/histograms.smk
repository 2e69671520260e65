rule fill_histograms:
    input:
        model=f"{RESULT}/model.safetensors",
        evaluation=all_files_of("evaluation"),
        surveys=lambda wildcards: surveys(wildcards) + injected_surveys(wildcards),
        injected=lambda wildcards: sum(injected_files(wildcards).values(), []),
        observed=observed_files,
    output:
        f"{RESULT}/histograms.root",
    log:
        "results/{analysis}/logs/fill_histograms/{signal}__{observable}__seed{seed}.log",
    benchmark:
        "results/{analysis}/benchmarks/fill_histograms/{signal}__{observable}__seed{seed}.tsv"
    group:
        "limits"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        inputs=input_settings,
        evaluation_files=files_of("evaluation"),
        injected_inputs=injected_settings,
        injected_files=injected_files,
        data=[s for s in config["samples"] if s["process"] == "data"],
        blind=BLIND,
        observation=OBSERVATION,
        made_by=made_by("fill_histograms"),
    message:
        "Filling histograms of {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/fill_histograms.py"
