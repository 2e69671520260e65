rule fill_histograms:
    input:
        unpack(events_of_histograms),
        model=f"{RESULT}/model.safetensors",
        observed=as_inputs(FILES.observed),
    output:
        f"{RESULT}/histograms.root",
    log:
        "<logs>/fill_histograms/{signal}/{observable}/seed{seed}.log",
    benchmark:
        "<benchmarks>/fill_histograms/{signal}/{observable}/seed{seed}.tsv"
    group:
        "limits"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        analysis=for_rules(parts.of_histograms),
        injected=injected_events,
        files=files_of_histograms,
        contents=contents_of_histograms,
        made_by=made_by("fill_histograms"),
    message:
        "Filling histograms of {wildcards.observable} for {wildcards.signal}, seed {wildcards.seed}"
    script:
        "../scripts/fill_histograms.py"
