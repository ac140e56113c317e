"""What is trained on what and evaluated on what: one file per protocol family.

`BUILTIN` names the protocols that ship with the package: id -> "module:OBJECT". These modules are
light; they import neither torch nor a video reader.
"""

BUILTIN = {
    "zs-shapes": "vclipbench.protocols.zero_shot:ZS_SHAPES",
    "zs-folder": "vclipbench.protocols.zero_shot:ZS_FOLDER",
    "b2n-shapes": "vclipbench.protocols.base_to_novel:B2N_SHAPES",
    "fs-shapes": "vclipbench.protocols.few_shot:FS_SHAPES",
}
ENTRY_POINTS = "vclipbench.protocols"
