"""What is trained on what and evaluated on what: one file per protocol family.

`BUILTIN` names the protocols that ship with the package: id -> "module:OBJECT". These modules are
light; they import neither torch nor a video reader.
"""

_FAMILIES = {
    "zero_shot": (
        "zs-shapes",
        "zs-folder",
        "zs-ucf101",
        "zs-ucf101-full",
        "zs-ucf101-halves",
        "zs-hmdb51",
        "zs-hmdb51-full",
        "zs-hmdb51-all",
        "zs-hmdb51-halves",
        "zs-k600",
        "zs-k600-clean",
        "zs-k600-test",
    ),
    "base_to_novel": (
        "b2n-shapes",
        "b2n-k400",
        "b2n-hmdb51",
        "b2n-ucf101",
        "b2n-ssv2",
        "b2n-hmdb51-clean",
        "b2n-ucf101-clean",
        "b2n-ssv2-clean",
    ),
    "few_shot": (
        "fs-shapes",
        "fs-hmdb51",
        "fs-ucf101",
        "fs-ssv2",
        "fs-hmdb51-clean",
        "fs-ucf101-clean",
    ),
    "supervised": (
        "full-shapes",
        "full-k400",
        "full-k400-clean",
    ),
    "retrieval": (
        "ret-shapes",
        "ret-msrvtt",
        "ret-msrvtt-7k",
        "ret-msrvtt-clean",
        "ret-didemo",
        "ret-didemo-clean",
        "ret-lsmdc",
        "ret-activitynet",
        "ret-msvd",
    ),
    "multilabel": (
        "ml-shapes",
        "ml-charades",
    ),
}
BUILTIN = {
    id: f"vclipbench.protocols.{module}:{id.upper().replace('-', '_')}"
    for module, ids in _FAMILIES.items()
    for id in ids
}
ENTRY_POINTS = "vclipbench.protocols"
