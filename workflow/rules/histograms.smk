rule fill_histograms:
    input:
        model=f"{RESULT}/model.safetensors",
        evaluation=all_files_of("evaluation"),
        surveys=surveys,
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
        model=model_settings,
        data=[s for s in config["samples"] if s["process"] == "data"],
        blind=BLIND,
        observation={"signal": SIGNALS[0], **config["observation"]},
        made_by=made_by("fill_histograms"),
    message:
        "Filling histograms of {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/fill_histograms.py"
