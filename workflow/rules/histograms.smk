@of_hypothesis
def events_of_histograms(signal, observable):
    """Input function, to be unpacked: what the histograms of a hypothesis are filled with."""
    others = FILES.injected_in(signal)
    names = FILES.templates(signal, observable)
    events = FILES.events_of(names, "evaluation")
    return {
        "evaluation": as_inputs(sum(events.values(), [])),
        "surveys": FILES.surveys([*names, *others]),
        "injected": as_inputs(sum((FILES.ntuples[name] for name in others), [])),
    }


@of_hypothesis
def files_of_histograms(signal, observable):
    return {
        "evaluation": FILES.events_of(
            FILES.templates(signal, observable), "evaluation"
        ),
        "injected": {name: FILES.ntuples[name] for name in FILES.injected_in(signal)},
    }


@of_hypothesis
def injected_events(signal, observable):
    """How events of the injected signal are read, where it is another hypothesis'."""
    return parts.of_injection(ANALYSIS, FILES.injected_in(signal))


@of_hypothesis
def contents_of_histograms(signal, observable):
    """Also of an injected signal and of data, where these are counted."""
    names = [*FILES.templates(signal, observable), *FILES.injected_in(signal)]
    data = [sample.name for sample in ANALYSIS.data if FILES.observed]
    return contents_of(names + data)


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
