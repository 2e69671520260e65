rule fill_histograms:
    input:
        unpack(events_of_histograms),
        model=f"{RESULT}/model.safetensors",
        observed=as_inputs(observed_files()),
    output:
        f"{RESULT}/histograms.root",
    log:
        "<logs>/fill_histograms/{signal}__{observable}__seed{seed}.log",
    benchmark:
        "<benchmarks>/fill_histograms/{signal}__{observable}__seed{seed}.tsv"
    group:
        "limits"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        events=event_settings("evaluation"),
        contents=contents_of_histograms,
        injected=injected_settings,
        data=[s for s in config["samples"] if s["process"] == "data"],
        blind=BLIND,
        observation=OBSERVATION,
        made_by=made_by("fill_histograms"),
    message:
        "Filling histograms of {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/fill_histograms.py"
