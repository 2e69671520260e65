rule plot_training:
    input:
        histories=all_seeds("history.csv"),
    output:
        training_png=report(
            f"{FIGURE}training.png",
            caption="../report/training.rst",
            category="Training",
            labels={
                "figure": "training",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        edges_png=report(
            f"{FIGURE}edges.png",
            caption="../report/edges.rst",
            category="Training",
            labels={
                "figure": "edges",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        training_pdf=f"{FIGURE}training.pdf",
        edges_pdf=f"{FIGURE}edges.pdf",
    log:
        "<logs>/plot_training/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/plot_training/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        title=title,
        made_by=made_by("plot_training"),
    message:
        "Drawing the training of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_training.py"


rule animate_training:
    input:
        unpack(events_of("validation")),
        selected="<results>/{signal}/{observable}/selected.json",
        models=all_seeds("model.safetensors"),
        snapshots=all_seeds("snapshots.safetensors"),
        histories=all_seeds("history.csv"),
    output:
        report(
            f"{FIGURE}training.gif",
            caption="../report/animation.rst",
            category="Training",
            labels={
                "figure": "animation",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
    log:
        "<logs>/animate_training/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/animate_training/{signal}__{observable}.tsv"
    wildcard_constraints:
        observable=any_of(TRAINED),
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        model=model_settings,
        events=event_settings("validation"),
        contents=contents_of_events,
        sizes=config["events"],
        title=title,
        made_by=made_by("animate_training"),
    message:
        "Animating the training of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/animate_training.py"


rule plot_plane:
    input:
        unpack(events_of("evaluation")),
        selected="<results>/{signal}/{observable}/selected.json",
        models=all_seeds("model.safetensors"),
        importance="<results>/{signal}/{observable}/importance.json",
    output:
        plane_png=report(
            f"{FIGURE}plane.png",
            caption="../report/plane.rst",
            category="Observables",
            labels={
                "figure": "plane",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        importance_png=report(
            f"{FIGURE}importance.png",
            caption="../report/importance.rst",
            category="Observables",
            labels={
                "figure": "importance",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        plane_pdf=f"{FIGURE}plane.pdf",
        importance_pdf=f"{FIGURE}importance.pdf",
    log:
        "<logs>/plot_plane/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/plot_plane/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        events=event_settings("evaluation"),
        contents=contents_of_events,
        title=title,
        made_by=made_by("plot_plane"),
    message:
        "Drawing {wildcards.observable} against its features for {wildcards.signal}"
    script:
        "../scripts/plot_plane.py"


rule plot_histograms:
    input:
        selected="<results>/{signal}/{observable}/selected.json",
        histograms=all_seeds("histograms.root"),
    output:
        templates_png=report(
            f"{FIGURE}templates.png",
            caption="../report/templates.rst",
            category="Observables",
            labels={
                "figure": "templates",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        soft_hard_png=report(
            f"{FIGURE}soft_hard.png",
            caption="../report/soft_hard.rst",
            category="Observables",
            labels={
                "figure": "soft and hard",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        systematics_png=report(
            f"{FIGURE}systematics.png",
            caption="../report/systematics.rst",
            category="Observables",
            labels={
                "figure": "systematics",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        templates_pdf=f"{FIGURE}templates.pdf",
        soft_hard_pdf=f"{FIGURE}soft_hard.pdf",
        systematics_pdf=f"{FIGURE}systematics.pdf",
    log:
        "<logs>/plot_histograms/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/plot_histograms/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        model=model_settings,
        histograms=config["workspace"]["histograms"],
        postprocessing=POSTPROCESSING,
        blind=BLIND,
        title=title,
        made_by=made_by("plot_histograms"),
    message:
        "Drawing the histograms of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_histograms.py"


rule plot_cls_scan:
    input:
        selected="<results>/{signal}/{observable}/selected.json",
        limits=all_seeds("limits.json"),
    output:
        png=report(
            f"{FIGURE}cls_scan.png",
            caption="../report/cls_scan.rst",
            category="Limits",
            labels={
                "figure": "cls scan",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        pdf=f"{FIGURE}cls_scan.pdf",
    log:
        "<logs>/plot_cls_scan/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/plot_cls_scan/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        title=title,
        made_by=made_by("plot_cls_scan"),
    message:
        "Drawing the CLs scan of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_cls_scan.py"
