"""Faults of published class names, prompts and views."""

from __future__ import annotations

from .fault import BASE_TO_NOVEL, FEW_SHOT, RETRIEVAL, SUPERVISED, ZERO_SHOT, Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        id="hmdb51-swapped-names",
        kind="names",
        title="Two pairs of HMDB51 names are swapped",
        wrong=(
            "The label files of ViFi-CLIP, identical to X-CLIP's, call kick and kick ball, and "
            "sword and sword exercise, by each other's name. Sorting file names instead of class "
            "names gives just this order. FROSTER's base-to-novel files inherit it."
        ),
        moves=(
            "120 of the 1,530 test videos of each split (7.8 %) are scored against the sibling's "
            "name; 60 of 780 base and 60 of 750 novel test videos, 32 of 416 base training and 64 "
            "of 816 16-shot videos. Zero-shot accuracy changes; training on swapped names hides "
            "part of it."
        ),
        ours="--class-names official is the default; --class-names vifi-clip reproduces the swap.",
        source="ViFi-CLIP, labels/hmdb_51_labels.csv, ids 20, 21, 44 and 45; our count",
        protocols=("zs-hmdb51*", "b2n-hmdb51*", "fs-hmdb51*"),
    ),
    Fault(
        id="ucf101-unsplit-names",
        kind="names",
        title="UCF101 names that are not split into words",
        wrong=(
            "ViFi-CLIP's label files have the folder names, such as ApplyEyeMakeup, which CLIP's "
            "tokenizer reads as applyeyemakeup. Open-VCLIP splits them into words."
        ),
        moves=(
            "76 of the 101 classes, with 2,838 of the 3,783 videos of test split 1 (75.0 %), have "
            "another text than in Open-VCLIP's evaluation, so one checkpoint has two results."
        ),
        ours=(
            "--class-names official (split) is the default; --class-names vifi-clip leaves them "
            "whole."
        ),
        source="ViFi-CLIP, labels/ucf_101_labels.csv; our count",
        protocols=("zs-ucf101*", "b2n-ucf101*", "fs-ucf101*"),
    ),
    Fault(
        id="ucf101-yoyo",
        kind="names",
        title="YoYo is Yoyo in Open-VCLIP",
        wrong=(
            "Open-VCLIP splits all UCF101 names at their capitals but one: YoYo becomes Yoyo, not "
            "Yo Yo."
        ),
        moves="One class has another text, with 36, 35 and 36 videos in the three test splits.",
        ours="--class-names official writes Yo Yo; --class-names open-vclip writes Yoyo.",
        source="Open-VCLIP, zs_label_db/ucf101-index2cls.json; our count",
        protocols=("zs-ucf101*", "b2n-ucf101*", "fs-ucf101*"),
    ),
    Fault(
        id="ucf101-sorted-folders",
        kind="names",
        title="UCF101 labels from sorted folder names",
        wrong=(
            "Official ids follow a sort without regard to case. Python's sorted(os.listdir()) "
            "puts HammerThrow before Hammering and JumpRope before JumpingJack."
        ),
        moves=(
            "A list made this way mislabels 4 classes, 153, 162 and 152 videos of the three test "
            "splits (4.0 %, 4.3 % and 4.1 %), when its ids meet a label file in the official "
            "order."
        ),
        ours="Ids are read from classInd.txt; labels follow names, never places.",
        source="official classInd.txt; our count",
        protocols=("zs-ucf101*", "b2n-ucf101*", "fs-ucf101*"),
    ),
    Fault(
        id="k400-underscores",
        kind="names",
        title="Underscores in base-to-novel names of Kinetics-400",
        wrong=(
            "Open-VCLIP's files of the two halves write playing_drums where its other files write "
            "playing drums: 161 of 200 base and 159 of 200 novel names hold an underscore."
        ),
        moves=(
            "CLIP's tokenizer makes other tokens of them, so most classes have another text than "
            "elsewhere."
        ),
        ours="b2n-k400 has ViFi-CLIP's names, with blanks.",
        source="Open-VCLIP, label_db/weng_compress_partial_splits_vifi/*-index2cls.json; our count",
        protocols=("b2n-k400",),
    ),
    Fault(
        id="ssv2-cut-names",
        kind="names",
        title="Something-Something names cut at a comma",
        wrong=(
            "4 base and 8 novel names of SSv2 hold a comma. FROSTER's name maps were cut at the "
            "first one, which makes novel classes 30 and 32 the same text."
        ),
        moves="No method can tell the two apart: 100 of 7,215 novel test videos belong to them.",
        ours="Names are read with their quotes, and a label file with a name twice is refused.",
        source=(
            "FROSTER, its name maps of SSv2; ViFi-CLIP, labels/ssv2_174_{base,novel}_labels.csv; "
            "our count"
        ),
        protocols=("b2n-ssv2*",),
    ),
    Fault(
        id="vanilla-bare-name",
        kind="prompts",
        title="Untrained CLIP gets another prompt than trained models",
        wrong=(
            "ViFi-CLIP scores untrained CLIP with the bare class name and everything that was "
            "trained with 'a photo of a {}.'; the authors found the bare name to score higher."
        ),
        moves="The gain of training and the change of prompt are one number.",
        ours=(
            "Every method gets the protocol's prompts unless --prompts says otherwise; --prompts "
            "bare is the bare name. The prompts are part of the result's identity."
        ),
        source="ViFi-CLIP, trainers/vificlip.py:69-70, 119-121, and its issue 6",
        protocols=(*ZERO_SHOT, *BASE_TO_NOVEL, *FEW_SHOT, *SUPERVISED),
    ),
    Fault(
        id="baselines-differ",
        kind="prompts",
        title="The CLIP baseline differs by ten points between papers",
        wrong=(
            "For untrained CLIP ViT-B/16 ViFi-CLIP shows 63.2 on UCF101 and 40.8 on HMDB51, "
            "FROSTER, which continues Open-VCLIP's code with its mean over 28 templates, 73.8 and "
            "47.9. Prompts, names and views differ."
        ),
        moves=(
            "10.6 and 7.1 points between two reports of one model, so a gain over the baseline "
            "means little without its prompts."
        ),
        ours=(
            "The baseline runs under the same prompts, names and views as the methods beside it; "
            "--prompts vifi, bare and open-vclip are the published sets."
        ),
        source="ViFi-CLIP, docs figure; FROSTER, README",
        protocols=ZERO_SHOT,
    ),
    Fault(
        id="froster-sentences",
        kind="prompts",
        title="Class names with a sentence of a language model",
        wrong=(
            "FROSTER's files have '<name>: <description>' in place of each name, the description "
            "by a language model, and reword some names (barbequing)."
        ),
        moves=(
            "Every class has another text, so that a difference to its tables is one of prompts "
            "and method together."
        ),
        ours=(
            "None of the named sets of --prompts has such sentences; FROSTER's numbers are shown "
            "as reported only."
        ),
        source="FROSTER, its label files",
        protocols=(*ZERO_SHOT, *BASE_TO_NOVEL),
    ),
    Fault(
        id="random-views",
        kind="views",
        title="Test views of ViFi-CLIP are drawn at random",
        wrong=(
            "With several clips in testing each is drawn by the training rule, one random frame "
            "of each segment, not shifted evenly; and with 3 crops the short side is 224 where it "
            "is 256 with one."
        ),
        moves=(
            "The number differs from run to run and with the number of loader processes. How much "
            "was not measured."
        ),
        ours=(
            "Clips are shifted evenly: the same every time. The short side is in the "
            "configuration and the record."
        ),
        source="ViFi-CLIP, datasets/build.py:296-300, datasets/pipeline.py:1979-1985",
        protocols=SUPERVISED,
    ),
    Fault(
        id="views-first-two-thirds",
        kind="views",
        title="Open-VCLIP's three views miss the end of a video",
        wrong=(
            "With PyAV (UCF101, Kinetics) its option for evenly placed views is ignored: they "
            "stand at 0, 1/3 and 2/3 of the possible starts, with torchvision (HMDB51) at 0, 1/2 "
            "and 1. A clip is also decoded for 7 strides and sampled over 8, so its last step is "
            "4 frames where the others are 18."
        ),
        moves=(
            "Of a video of 300 frames the last 62 are never seen (21 %), and results depend on "
            "the decoder. What it moves was not measured."
        ),
        ours=(
            "views.sampling stride-pyav and stride-torchvision reproduce both, index by index, in "
            "Open-VCLIP's recipe; segments spreads frames evenly."
        ),
        source="Open-VCLIP, slowfast/datasets/decoder.py:447-463, 599-605; our run of its rule",
        protocols=ZERO_SHOT,
    ),
    Fault(
        id="imagenet-normalisation",
        kind="views",
        title="CLIP with ImageNet's pixel statistics",
        wrong="ViFi-CLIP normalises pixels with ImageNet's mean and deviation, not with CLIP's.",
        moves=(
            "Red, green and blue come out 17 %, 17 % and 23 % stronger in contrast than in CLIP's "
            "training. Models trained so must be tested so; untrained CLIP is a little off. The "
            "points it moves were not measured."
        ),
        ours=(
            "Each recipe keeps its authors' choice (preprocess.normalise imagenet or clip), which "
            "is in the record."
        ),
        source="ViFi-CLIP, datasets/build.py:34-35",
        protocols=(*ZERO_SHOT, *BASE_TO_NOVEL, *FEW_SHOT, *SUPERVISED),
    ),
    Fault(
        id="squashed-frames",
        kind="views",
        title="Retrieval frames are squashed to a square",
        wrong=(
            "CLIP-ViP resizes both sides to 224, so the aspect ratio is lost; CLIP4Clip resizes "
            "the short side and crops. Antialiasing depends on the version of torchvision."
        ),
        moves=(
            "Different pixels under one protocol name: with and without antialiasing, normalised "
            "values of the golden case differ by up to 1.8. Points were not measured."
        ),
        ours=(
            "preprocess.pipeline bicubic-square (without antialiasing, as in CLIP-ViP's "
            "environment), bicubic-square-antialias, or the short side and a crop; part of the "
            "record."
        ),
        source="CLIP-ViP, src/datasets/dataloader.py:209-233; our run of its transform",
        protocols=RETRIEVAL,
    ),
    Fault(
        id="didemo-video-cut",
        kind="views",
        title="DiDeMo videos cut to 31 seconds, or not",
        wrong=(
            "The descriptions are of the first 30 seconds. CLIP4Clip cuts videos to 31 seconds, "
            "CLIP-ViP takes them whole."
        ),
        moves=(
            "Frames of the undescribed end are among the frames of one and not of the other. What "
            "it moves was not measured."
        ),
        ours="Videos are taken as they lie in your folder, and the record says how they were read.",
        source="CLIP4Clip, dataloaders/dataloader_didemo_retrieval.py; CLIP-ViP, src/datasets",
        protocols=("ret-didemo*",),
    ),
)
