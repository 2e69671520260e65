"""The results of a small analysis of ntuples, written without Snakemake and without training."""

import jax
import numpy as np
import uproot
import yaml
from ntuples import FEATURES, write_analysis

from hone.analysis import checked_config
from hone.analysis.files import Files
from hone.analysis.settings import plain
from hone.events.sources import sources
from hone.events.stream import fill_histograms
from hone.events.survey import survey
from hone.observable import create_observable, save_observable
from hone.results.scored_regions import with_scored_regions
from hone.running.files import write_csv, write_json
from hone.statmodel.channels import Channels
from hone.statmodel.templates import write_histograms
from hone.statmodel.workspace import build_workspace, processes

__all__ = ["FEATURES", "write_results"]

TEMPLATES = ("signal", "background", "background__scale_up", "background__scale_down")


def write_results(folder, folds=None, scored=False, **of_observable):
    """The config; the current folder must be ``folder``. Two seeds, the second selected.

    If ``scored``, the region ``high`` is in the two bins of another observable, ``other``.
    """
    config = write_analysis(folder)
    config["observables"] = [config["observables"][0] | {"seeds": 2} | of_observable]
    if scored:
        config["regions"][2] |= {"fit": "observable", "observable": "other"}
        other = {"name": "other", "edges": "equal", "bins": 2}
        config["observables"].append(config["observables"][0] | other)
    config["observation"] = {"unblind": True}
    if folds:
        config["split"] = {"branch": "event", "folds": folds}
    analysis = checked_config(config)
    files, settings = Files(analysis), analysis.observables[0]
    found = sources(analysis, {name: files.ntuples[name] for name in TEMPLATES})
    surveys = {source.name: survey(source, FEATURES, analysis.channels) for source in found}
    for name, known in surveys.items():
        write_json(f"{files.folder}/inputs/{name}.json", known)
    path = folder / files.folder / "config.yaml"
    path.write_text(yaml.safe_dump(plain(analysis)))
    for other in analysis.observables[1:]:
        for seed in (1, 2):
            write_networks(folder, files, other, seed, key=100)
        write_json(files.of_observable("selected.json", "signal", other.name), {"seed": 2})
    regions = with_scored_regions(analysis, files.of_regions("signal", "neos")).channels
    samples = processes(analysis, "signal")
    for seed in (1, 2):
        networks = write_networks(folder, files, settings, seed)
        groups = fill_histograms(networks, found, regions, surveys, FEATURES)
        channels = Channels(regions, networks[0].bins)
        of_seed = folder / files.folder / "signal" / "neos" / f"seed{seed}"
        hard = groups["hard"]
        observed = hard["background"]
        write_histograms(
            of_seed / "histograms.root",
            {**groups, "observed": {"data": observed}},
            channels.edges(networks[0].edges),
            {},
        )
        spec = build_workspace(samples, hard, observed.values, True, channels.sizes)
        write_json(of_seed / "workspace.json", spec)
        write_json(of_seed / "limits.json", {"expected_limits": [1, 2, 3, 4, 5]})
    return analysis


def write_networks(folder, files, settings, seed, key=0):
    """The networks of a seed, and their histories."""
    networks = []
    for place in files.networks("model.safetensors", "signal", settings.name, seed):
        drawn = jax.random.key(key + 10 * seed + len(networks))
        networks.append(untrained(settings, events_of(folder), drawn))
        (folder / place).parent.mkdir(parents=True)
        save_observable(place, networks[-1], settings, {})
        row = {"step": 20, "validation_objective": 0.5 - 0.1 * seed}
        write_csv(folder / place.replace("model.safetensors", "history.csv"), [row])
    return networks


def untrained(settings, events, key):
    """With events in all bins."""
    found = create_observable(settings, FEATURES, events, key)
    if not hasattr(found, "with_edges"):
        return found
    between = np.linspace(0, 1, found.bins + 1)[1:-1]
    return found.with_edges(np.array([0, *np.quantile(found.score(events), between), 1]))


def events_of(folder):
    """Features of some events, which scale networks."""
    found = uproot.open(folder / "background_2.root")["events"].arrays(library="np")
    return np.stack([found["mass"], np.log(found["pt"])], axis=1)
