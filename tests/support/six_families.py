"""Records of all six families, with all that a table can show: several digests, tie rules and backbones,
settings, two seeds, chance that is computed, rows without runs, ranks, and numbers of papers."""

from reported_numbers import number, with_classes, with_identity

THREE = {"split1": 60.0, "split2": 62.25, "split3": 67.0}
SEEN = {"training_data": {}, "class_overlap": ["run"], "declared": "unknown"}


def metric_of(name, value, split, unit="%", interval=False):
    """A metric of a record; `interval`: with one of ± 1.5, over items."""
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "higher_is_better": unit != "rank",
        "n": 1000,
        "stderr": None,
        "ci_low": value - 1.5 if interval else None,
        "ci_high": value + 1.5 if interval else None,
        "ci_method": "bootstrap" if interval else None,
        "level": 0.95 if interval else None,
        "split": split,
    }


def records_of_six_families(make_record):
    """The records; of three protocols no run of `random` is there, of two none of `clip`."""
    return [
        *_zero_shot(make_record),
        *_base_to_novel(make_record),
        *_few_shot(make_record),
        *_supervised(make_record),
        *_retrieval(make_record),
        *_labels(make_record),
    ]


def _zero_shot(make_record):
    """Two digests, two backbones, two checkpoints, two and three seeds, two settings."""

    def run(top1=THREE, **more):
        return with_classes(make_record(top1, protocol="zs-ucf101", **more), 4)

    first, second = "a" * 64, "b" * 64
    published = {"url": None, "sha256": "cd" * 32, "layout": "vifi", "run_id": None}
    up = [{name: value + i for name, value in THREE.items()} for i in range(3)]
    large = {"name": "ViT-L-14"}
    return [
        # the first row lacks the last split, and the mean with it
        run({"split1": 50.0, "split2": 51.0}, method="clip", seed=None, protocol_digest=first),
        *(run(up[i], seed=i, protocol_digest=first) for i in range(3)),
        *(run(up[i], seed=i, method="open-vclip", protocol_digest=second) for i in range(2)),
        *(run(lr=lr, method="vifi-text", protocol_digest=first) for lr in (1, 2)),
        run(seed=None, init=published, protocol_digest=second, scored=990),
        with_identity(run(seed=5, protocol_digest=second), backbone=large),
    ]


def _base_to_novel(make_record):
    """With a run of `random`, and none of `clip`."""

    def run(base, novel, **more):
        return make_record({"base": base, "novel": novel}, protocol="b2n-hmdb51", **more)

    return [
        run(4.0, 4.5, method="random", seed=None),
        *(run(70.0 + i, 60.0 - i, seed=i) for i in range(2)),
        run(75.0, 50.0, method="open-vclip", blocks={"exposure": SEEN}, selection="test-best"),
    ]


def _few_shot(make_record):
    """Two of the four K, and chance that is computed."""
    return [
        with_classes(make_record({"split1": 50.0 + k}, protocol="fs-hmdb51", k=k, **more), 51)
        for k in (2, 16)
        for more in ({"method": "clip", "seed": None}, {"seed": 1}, {"seed": 2})
    ]


def _supervised(make_record):
    """Two variants, each of its own digest."""
    plain = make_record({"val": 80.0}, protocol="full-k400")
    longer = {"variant": "long", "digest": "c" * 64}
    return [
        plain,
        with_identity(plain, protocol=longer),
        make_record({"val": 70.0}, protocol="full-k400", seed=None, method="clip"),
    ]


def _retrieval(make_record):
    """Two tie rules, ranks, a dual softmax of one row, chance that is computed."""

    def run(start, rule, dual=False, **more):
        metrics = [
            metric_of(f"{prefix}{way}_{name}", value, "test", unit, unit == "%")
            for prefix in ("", "dsl_")[: 1 + dual]
            for way in ("t2v", "v2t")
            for name, value, unit in (
                ("r1", start, "%"),
                ("r5", start + 10.0, "%"),
                ("medr", 100.0 - start, "rank"),
            )
        ]
        blocks = {"metrics": metrics, "primary": "t2v_r1"}
        made = make_record({"test": 1.0}, protocol="ret-msrvtt", blocks=blocks, **more)
        made = with_identity(made, eval={"tie_rule": rule})
        data = made.data["test"].model_copy(update={"kind": "captions"})
        return made.revised(data={"test": data})

    return [
        run(30.0, "reference", method="clip", seed=None),
        run(40.0, "reference", dual=True),
        run(39.0, "expected"),
    ]


def _labels(make_record):
    """One row lacks the novel labels; of chance nothing is known."""

    def run(values, **more):
        metrics = [metric_of("map", value, name) for name, value in values.items()]
        metrics.append(metric_of("hm", 40.0, None))
        blocks = {"metrics": metrics, "primary": "hm"}
        return make_record({"test": 1.0}, protocol="ml-charades", blocks=blocks, **more)

    return [
        run({"all": 30.0, "base": 35.0}, method="clip", seed=None),
        run({"all": 40.0, "base": 50.0, "novel": 35.0}),
    ]


def standings_of_all(grid, make):
    """Made-up ranks of all cells, by value; `make(low, high, tied, alone)`. Two are tied, one is alone."""
    standings = {}
    for family in grid.families:
        for group in family.groups:
            for place, column in enumerate(group.columns):
                entries = [e for e in family.entries if e.group is group and e.column == column]
                best_first = sorted(entries, key=lambda e: -e.cell.value)
                shared = place % 2
                for rank, entry in enumerate(best_first, start=1):
                    key = (group.heading, column.name, entry.row)
                    tied = rank <= 1 + shared
                    standings[key] = make(rank, rank + shared, tied, tied and not shared)
    return standings


def numbers_of_papers():
    """Some that are comparable, some that are not, one of another protocol."""
    return [
        number(),
        number(split="novel", match="differs: another list", value="53.5"),
        number(protocol="zs-ucf101", split="mean", value="63.0"),
        number(protocol="zs-ucf101", split="mean", value="75.0", backbone="ViT-L-14"),
        number(protocol="ret-msrvtt", split=None, column="t2v_r1", match="differs: pairs"),
        number(method="ActionCLIP", value="69.1"),
    ]
