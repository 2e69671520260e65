rule scan_likelihood:
    input:
        selected="<results>/{signal}/{observable}/selected.json",
        workspaces=all_seeds("workspace.json"),
        limits=all_seeds("limits.json"),
    output:
        "<results>/{signal}/{observable}/likelihood.json",
    log:
        "<logs>/scan_likelihood/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/scan_likelihood/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        blind=BLIND,
        seed=config["seed"],
        toys=2000,
        made_by=made_by("scan_likelihood"),
    message:
        "Scanning the likelihood of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/scan_likelihood.py"


rule check_gradient:
    input:
        unpack(events_of("training")),
        selected="<results>/{signal}/{observable}/selected.json",
        models=all_seeds("model.safetensors"),
    output:
        "<results>/{signal}/{observable}/gradient.json",
    log:
        "<logs>/check_gradient/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/check_gradient/{signal}__{observable}.tsv"
    wildcard_constraints:
        observable=any_of(TRAINED),
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(20),
    params:
        observable=observable_settings,
        own_objective=own_objective if OWN_OBJECTIVES else {},
        model=model_settings,
        events=event_settings("training"),
        contents=contents_of_events,
        sizes=config["events"],
        features=config["features"],
        level=config["limits"]["level"],
        seed=config["seed"],
        histograms=config["workspace"]["histograms"],
        made_by=made_by("check_gradient"),
    message:
        "Checking the gradient of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/check_gradient.py"


rule plot_likelihood:
    input:
        "<results>/{signal}/{observable}/likelihood.json",
    output:
        profile_png=report(
            f"{FIGURE}profile.png",
            caption="../report/profile.rst",
            category="Likelihood",
            labels={
                "figure": "profile likelihood",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        contour_png=report(
            f"{FIGURE}contour.png",
            caption="../report/contour.rst",
            category="Likelihood",
            labels={
                "figure": "contours",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        toys_png=report(
            f"{FIGURE}toys.png",
            caption="../report/toys.rst",
            category="Likelihood",
            labels={
                "figure": "toys",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        profile_pdf=f"{FIGURE}profile.pdf",
        contour_pdf=f"{FIGURE}contour.pdf",
        toys_pdf=f"{FIGURE}toys.pdf",
    log:
        "<logs>/plot_likelihood/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/plot_likelihood/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        title=title,
        made_by=made_by("plot_likelihood"),
    message:
        "Drawing the likelihood of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_likelihood.py"


rule plot_gradient:
    input:
        "<results>/{signal}/{observable}/gradient.json",
    output:
        png=report(
            f"{FIGURE}gradient.png",
            caption="../report/gradient.rst",
            category="Training",
            labels={
                "figure": "gradient",
                "signal": "{signal}",
                "observable": "{observable}",
            },
        ),
        pdf=f"{FIGURE}gradient.pdf",
    log:
        "<logs>/plot_gradient/{signal}__{observable}.log",
    benchmark:
        "<benchmarks>/plot_gradient/{signal}__{observable}.tsv"
    group:
        "figures"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        title=title,
        made_by=made_by("plot_gradient"),
    message:
        "Drawing the gradient of {wildcards.observable} for {wildcards.signal}"
    script:
        "../scripts/plot_gradient.py"
