"""Files that several rules need, from their wildcards."""


def observed_files():
    """Files with observed events; none if the analysis is blind."""
    if BLIND or PSEUDO_DATA:
        return []
    return FILES[DATA[0]] if FILES else [f"{FOLDER}/events/observed/data.root"]


def contents_of_own_files():
    """Digests of all of the user's own files that may be read, by path."""
    made = [f"{FOLDER}/events/dimuons/{name}.root" for name in FILES]
    names = [name for name in FILES if name not in DATA or observed_files()]
    paths = {path for name in names for path in FILES[name]}.difference(made)
    try:
        if workflow.is_main_process:
            return look_at(sorted(paths))
        return planned(sorted(paths), PLAN)
    except InputError as error:
        raise WorkflowError(str(error)) from None


# Written when a run starts: its jobs use these digests, whatever happens to the files meanwhile.
PLAN = Path(".snakemake", f"hone-plan-{ANALYSIS}.json")
CONTENTS = contents_of_own_files()


def as_inputs(paths):
    """Ignore modification times of the user's own files: their contents are among the parameters."""
    return [ancient(path) if path in CONTENTS else path for path in paths]


def surveyed_files(wildcards):
    """Input function: files of one set of events; if generated, those of the evaluation set."""
    name = wildcards.template
    return as_inputs(FILES.get(name, [f"{FOLDER}/events/evaluation/{name}.root"]))


def files_of(events_set, signal, observable):
    """Files by set of events for a hypothesis and an observable."""
    return {
        name: FILES.get(name, [f"{FOLDER}/events/{events_set}/{name}.root"])
        for name in templates(config, signal, observable)
    }


def events_of(*events_sets):
    """Input function, to be unpacked: files of some sets of events, and their surveys."""

    @of_hypothesis
    def files(signal, observable):
        surveyed = templates(config, signal, observable)
        return {
            **{
                name: as_inputs(sum(files_of(name, signal, observable).values(), []))
                for name in events_sets
            },
            "surveys": [f"{FOLDER}/inputs/{name}.json" for name in surveyed],
        }

    return files


def injected(signal):
    """The signal injected into the observation, if it is that of another hypothesis."""
    name = OBSERVATION["signal"]
    expected = FILES and (BLIND or PSEUDO_DATA)
    return [name] if expected and OBSERVATION["mu"] and name != signal else []


@of_hypothesis
def events_of_histograms(signal, observable):
    """Input function, to be unpacked: events that fill the histograms of a hypothesis."""
    others = injected(signal)
    surveyed = [*templates(config, signal, observable), *others]
    return {
        "evaluation": as_inputs(
            sum(files_of("evaluation", signal, observable).values(), [])
        ),
        "surveys": [f"{FOLDER}/inputs/{name}.json" for name in surveyed],
        "injected": as_inputs(sum((FILES[name] for name in others), [])),
    }


def seeds_of(observable):
    """Numbers of the seeds of an observable."""
    return range(1, seeds(config, observable) + 1)


def all_seeds(name):
    """Input function: a file of every seed of an observable."""

    @of_hypothesis
    def files(signal, observable):
        return [
            f"{FOLDER}/{signal}/{observable}/seed{seed}/{name}"
            for seed in seeds_of(observable)
        ]

    return files


def all_results(name):
    """Input function: a file of every seed of every observable of every signal."""
    return lambda wildcards: [
        f"{FOLDER}/{signal}/{observable}/seed{seed}/{name}"
        for signal in SIGNALS
        for observable in OBSERVABLES
        for seed in seeds_of(observable)
    ]


def of_all_observables(name):
    """Input function: a file of every observable of every signal."""
    return lambda wildcards: [
        f"{FOLDER}/{signal}/{observable}/{name}"
        for signal in SIGNALS
        for observable in OBSERVABLES
    ]


def of_all_signals(name):
    """Input function: a file of an observable for every signal."""
    return lambda wildcards: [
        f"{FOLDER}/{signal}/{wildcards.observable}/{name}" for signal in SIGNALS
    ]


def of_all_seeds_and_signals(name):
    """Input function: a file of every seed of an observable for every signal."""
    return lambda wildcards: [
        f"{FOLDER}/{signal}/{wildcards.observable}/seed{seed}/{name}"
        for signal in SIGNALS
        for seed in seeds_of(wildcards.observable)
    ]


def patchsets(name="patchset.json"):
    """One per observable, if there are several hypotheses."""
    return [
        f"{FOLDER}/patchset/{observable}/{name}"
        for observable in OBSERVABLES
        if len(SIGNALS) > 1
    ]


def source_model(wildcards):
    """The trained model that a rebinned observable uses."""
    source = OBSERVABLES[wildcards.observable]["source"]
    return (
        f"{FOLDER}/{wildcards.signal}/{source}/seed{wildcards.seed}/model.safetensors"
    )


def all_figures(extension):
    """Input function: every figure that the config asks for."""

    def files(_):
        of_observables = [(name, kind) for name in OBSERVABLES for kind in FIGURES]
        of_observables += [
            (name, kind)
            for name in TRAINED + REBINNED
            for kind in ("training", "edges")
        ]
        of_observables += [(name, "gradient") for name in TRAINED]
        of_signals = [f"{name}__{kind}" for name, kind in of_observables]
        of_signals += ["comparison", *(["gain"] if BASELINE else [])]
        of_signals += [f"study_{study}" for study in STUDIES]
        names = [f"{signal}__{name}" for signal in SIGNALS for name in of_signals]
        for kind, wanted in (("limits", PARAMETER), ("exclusion", PLANE)):
            names += [f"{name}__{kind}" for name in OBSERVABLES if wanted]
        return [f"{FOLDER}/figures/{name}.{extension}" for name in names]

    return files


def animations(_):
    """Input function: the animation of every training."""
    return [
        f"{FOLDER}/figures/{signal}__{name}__training.gif"
        for signal in SIGNALS
        for name in TRAINED
    ]


def all_results_shown(wildcards):
    """Input function: everything that the report shows."""
    return [
        *(f"{FOLDER}/{name}" for name in ("comparison.csv", "summary.txt")),
        f"{FOLDER}/inputs/yields.txt",
        *all_figures("png")(wildcards),
        *all_figures("pdf")(wildcards),
        *animations(wildcards),
        *patchsets(),
        *of_all_observables("selected.json")(wildcards),
    ]
