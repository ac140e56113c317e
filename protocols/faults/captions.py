"""Faults of published lists of captions and of multi-label videos."""

from __future__ import annotations

from .fault import Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        id="msrvtt-same-captions",
        kind="lists",
        title="MSR-VTT 1k-A has 995 captions for 1,000 videos",
        wrong=(
            "Three of the test captions stand beside two videos and one beside three, so the "
            "1,000 videos have 995 distinct captions."
        ),
        moves=(
            "No method can reach more than 99.5 in text-to-video R@1, and 9 queries from video to "
            "text are ties that the rank rule decides."
        ),
        ours=(
            "ret-msrvtt and ret-msrvtt-7k keep the 1,000; ret-msrvtt-clean leaves out the 5 whose "
            "caption an earlier video has."
        ),
        source="MSRVTT_JSFUSION_test.csv, column sentence; our count",
        protocols=("ret-msrvtt", "ret-msrvtt-7k"),
    ),
    Fault(
        id="msrvtt-two-tests",
        kind="lists",
        title="MSR-VTT 1k-A and 1k-B are mixed up",
        wrong="Another test split of 1,000 videos, 1k-B (Miech), shares 296 videos with 1k-A.",
        moves=(
            "704 videos of 1k-B are in 1k-A's training list, and 453 of 1k-B's training videos "
            "are test videos of 1k-A. A model of one split scored on the other is scored on its "
            "training videos."
        ),
        ours="1k-A only. A checkpoint that was trained on 1k-B must not be scored on ret-msrvtt.",
        source="MSRVTT_JSFUSION_test.csv, test_list_miech.txt, train_list_miech.txt; our count",
        protocols=("ret-msrvtt*",),
    ),
    Fault(
        id="msrvtt-two-trainings",
        kind="lists",
        title="MSR-VTT 1k-A has two training lists",
        wrong=(
            "Results on 1k-A come from 9,000 training videos (all others) or from 7,010 (the "
            "official training and validation sets). 1,990 of the 9,000 are in the official test "
            "set of 2,990 videos."
        ),
        moves=(
            "One has 28 % more training videos than the other; tables that do not say which mix "
            "the two, and neither can be compared with results on the official split."
        ),
        ours="ret-msrvtt trains on 9,000, ret-msrvtt-7k on 7,010.",
        source="MSRVTT_train.9k.csv, MSRVTT_train.7k.csv, test_list_full.txt; our count",
        protocols=("ret-msrvtt*",),
    ),
    Fault(
        id="didemo-second-extension",
        kind="lists",
        title="DiDeMo paragraphs lack descriptions",
        wrong=(
            "33 of the 1,004 test videos are described under two file names, such as .mov and "
            ".mp4, of which the list has one. CLIP4Clip compares whole names, so 89 of the 4,021 "
            "descriptions go missing, and 71 of the 4,180 of validation."
        ),
        moves=(
            "3.3 % of the test paragraphs are shorter than they should be. What it moves was not "
            "measured."
        ),
        ours="ret-didemo has the paragraphs as published, ret-didemo-clean all descriptions.",
        source=(
            "CLIP4Clip, dataloaders/dataloader_didemo_retrieval.py; LocalizingMoments, "
            "test_data.json; our count"
        ),
        protocols=("ret-didemo",),
    ),
    Fault(
        id="msvd-captions",
        kind="lists",
        title="MSVD captions are not distinct and weigh videos unevenly",
        wrong=(
            "Every caption is a query of text to video: 27,763 for 670 test videos, 22,285 of "
            "them distinct; 961 captions belong to more than one test video. Video to text ranks "
            "670 groups of captions, each scored by its best caption, instead of all captions."
        ),
        moves=(
            "A video has 21 to 81 captions, so some videos weigh 3.9 times as much as others; and "
            "the two directions are not comparable, since one ranks 670 candidates for 27,763 "
            "queries and the other 670 for 670."
        ),
        ours="ret-msvd counts as published; its two directions are separate columns.",
        source="CLIP4Clip, metrics.py:34-70; MSVD captions; our count",
        protocols=("ret-msvd",),
    ),
    Fault(
        id="charades-unlabelled",
        kind="lists",
        title="Charades test videos without a label",
        wrong=(
            "49 of the 1,863 test videos (and 174 of the 7,985 training videos) have no label. "
            "The makers' evaluation ranks them behind all others, which is as if they were left "
            "out; other code keeps them."
        ),
        moves=(
            "mAP is lower if they are kept, because they can only be wrong: guessing scores 5.57 "
            "% with them and 5.72 % without."
        ),
        ours="ml-charades leaves them out, as the makers' evaluation in effect does.",
        source="Charades_v1_test.csv, and the makers' evaluation code; our count",
        protocols=("ml-charades",),
    ),
)
