"""Faults of published loaders, metrics, choices of the checkpoint, and training."""

from __future__ import annotations

from .fault import BASE_TO_NOVEL, FEW_SHOT, RETRIEVAL, SUPERVISED, ZERO_SHOT, Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        id="drop-last",
        kind="loader",
        title="ViFi-CLIP's test loader drops videos",
        wrong="Testing uses batches of two with drop_last on every process, over a random order.",
        moves=(
            "With 8 processes 6 of 1,530 HMDB51 videos, 7, 6 and 0 of UCF101's three splits, 7 of "
            "24,777 of SSv2 and 5 of 19,877 of Kinetics-400 are not counted, others each time: at "
            "most 0.39 points. One process drops one video of an odd list."
        ),
        ours="Every video is scored once, whatever the number of processes.",
        source="ViFi-CLIP, datasets/build.py:220, 303-312; our count",
        protocols=(*ZERO_SHOT, *BASE_TO_NOVEL, *FEW_SHOT, *SUPERVISED),
    ),
    Fault(
        id="repeated-views",
        kind="loader",
        title="Open-VCLIP counts views twice",
        wrong=(
            "Its test sampler repeats views so that all processes have equally many, and the "
            "meter adds a repeated view again."
        ),
        moves=(
            "With 8 processes and 3 views a video, 4 views on HMDB51's 5,100, 2 on a test split "
            "of HMDB51, 3, 6 and 0 on those of UCF101 and 4, 2 and 1 on the Kinetics-600 lists "
            "are counted twice: at most 6 videos of 3,734, or 0.16 points."
        ),
        ours="Every view is scored once.",
        source="Open-VCLIP, slowfast/datasets/utils.py:345; our count",
        protocols=ZERO_SHOT,
    ),
    Fault(
        id="padding-cut",
        kind="loader",
        title="CLIP-ViP's evaluation repeats and loses videos",
        wrong=(
            "The sampler pads to a multiple of the number of processes, results are stacked in "
            "another order than the list, and the stack is cut to the list's length: repeated "
            "items stay and others fall off."
        ),
        moves=(
            "With 8 processes and batches of 16, of ActivityNet's 4,917 videos 0 and 1 appear "
            "twice and 4,903 and 4,911 never; of DiDeMo's 1,004 it is 3 videos. Repeated rows are "
            "also ties, which are counted several times."
        ),
        ours="Every video is one row and one column, whatever the number of processes.",
        source=(
            "CLIP-ViP, src/tasks/run_video_retrieval.py:132-153; our simulation with its sampler"
        ),
        protocols=("ret-didemo*", "ret-activitynet"),
    ),
    Fault(
        id="random-test-text",
        kind="loader",
        title="Test captions that are drawn at random",
        wrong=(
            "CLIP-ViP's loader takes one caption at random wherever a row holds a list, also in "
            "testing; it joins a paragraph only if the path of the annotation holds the word "
            "didemo."
        ),
        moves=(
            "A file of ActivityNet with its sentences as a list is scored on one sentence a video "
            "in place of the paragraph, and differently each time."
        ),
        ours=(
            "Paragraphs are joined by the protocol; where a video has several captions each is a "
            "query."
        ),
        source="CLIP-ViP, src/datasets/dataset_video_retrieval.py:135-138",
        protocols=("ret-activitynet", "ret-didemo*", "ret-msvd"),
    ),
    Fault(
        id="weights-not-loaded",
        kind="loader",
        title="Evaluations that silently score other weights",
        wrong=(
            "ViFi-CLIP loads with strict=False, so a file with other key names is ignored without "
            "an error; the test command in Open-VCLIP's README lacks a backslash, so its last "
            "eight lines, which set checkpoint and patching, are lost; CLIP-ViP drops keys of "
            "other shapes and logs it."
        ),
        moves="The result is that of plain CLIP, or of random prompts, under the method's name.",
        ours=(
            "Published checkpoints are loaded strictly: keys that are missing or left over are an "
            "error that names them."
        ),
        source=(
            "ViFi-CLIP, utils/tools.py:80; Open-VCLIP, README line 135; CLIP-ViP, "
            "src/utils/load_save.py:86-115"
        ),
        protocols=(*ZERO_SHOT, *BASE_TO_NOVEL, *FEW_SHOT, *SUPERVISED, *RETRIEVAL),
    ),
    Fault(
        id="unreadable-videos",
        kind="loader",
        title="Unreadable videos are replaced by others",
        wrong=(
            "In training Open-VCLIP and CLIP-ViP put a random other video in the place of one "
            "that cannot be read; in testing Open-VCLIP ends with an error after 100 tries."
        ),
        moves=(
            "The list that was trained on is not the published one, and nothing says by how many "
            "videos."
        ),
        ours=(
            "data.on_bad_video decides (fail is the default), and the record counts and names "
            "what could not be read."
        ),
        source="Open-VCLIP, slowfast/datasets/kinetics.py:281-514; CLIP-ViP, src/datasets",
        protocols=(*ZERO_SHOT, *RETRIEVAL),
    ),
    Fault(
        id="ties-counted-twice",
        kind="metric",
        title="Tied queries are counted several times",
        wrong=(
            "In the metric code of CLIP4Clip and CLIP-ViP a query counts once for every sorted "
            "position whose score equals its item's, so with ties there are more entries than "
            "queries."
        ),
        moves=(
            "On a trained model's real matrix of 1k-A, video to text has 1,012 entries for 1,000 "
            "queries and R@1 is 45.45 where it is 45.6 with ties counted against the query and "
            "45.8 expected over their orders. CLIP-ViP's own log shows 49.1071, 76.1905 and "
            "84.0278: 495, 768 and 847 of 1,008."
        ),
        ours=(
            "--tie-rule pessimistic is the default, expected the mean over all orders, reference "
            "this counting; the number of tied queries is a column."
        ),
        source=(
            "CLIP4Clip, metrics.py:9-24; CLIP-ViP, src/utils/metrics.py:41-53, and XPretrain "
            "issue 13; our count"
        ),
        protocols=RETRIEVAL,
    ),
    Fault(
        id="dual-softmax",
        kind="metric",
        title="The dual softmax uses the whole test set",
        wrong=(
            "DSL weights each score by a softmax over all test queries, so a query's result "
            "depends on the others. Published tables mix results with and without it."
        ),
        moves="On a real matrix of 1k-A text-to-video R@1 rises from 48.0 to 52.8, by 4.8 points.",
        ours="Columns of their own, dsl_*, never beside the plain ones without their name.",
        source="CLIP-ViP, src/tasks/run_video_retrieval.py:157-174; our count on the matrix",
        protocols=RETRIEVAL,
    ),
    Fault(
        id="dual-softmax-direction",
        kind="metric",
        title="Video to text takes the dual softmax of the wrong direction",
        wrong=(
            "For video to text CLIP-ViP uses the same softmax over texts, which are then the "
            "candidates, instead of one over videos, the queries."
        ),
        moves=(
            "It changes next to nothing: on a real matrix of 1k-A R@1 stays 45.6; the mirror "
            "image of text to video gives 52.3."
        ),
        ours=(
            'The published direction by default; dsl_metrics(reverse_prior="videos") is the '
            "mirror image."
        ),
        source="CLIP-ViP, src/tasks/run_video_retrieval.py:171-174; our count on the matrix",
        protocols=RETRIEVAL,
    ),
    Fault(
        id="view-merging",
        kind="metric",
        title="Views are merged as logits or as softmax shares",
        wrong=(
            "Open-VCLIP adds the logits of a video's views, although a docstring speaks of "
            "softmax scores; ViFi-CLIP adds softmax shares."
        ),
        moves="The two orders can name different classes for a video. How often was not measured.",
        ours=(
            "views.merge logits or scores, by each recipe as its authors do; part of the "
            "protocol's digest."
        ),
        source="Open-VCLIP, slowfast/utils/meters.py:334-335; ViFi-CLIP, main.py",
        protocols=(*ZERO_SHOT, *SUPERVISED),
    ),
    Fault(
        id="hm-of-rounded-means",
        kind="metric",
        title="The harmonic mean is taken of rounded means",
        wrong=(
            "No published code computes it. All 15 of ViFi-CLIP's values are the harmonic mean of "
            "the means over three lists as printed, with one decimal."
        ),
        moves=(
            "Rounding first moves it by at most 0.1 points, but the mean of the three lists' own "
            "harmonic means is another number, never higher."
        ),
        ours=(
            "The harmonic mean of each list's own base and novel result, unrounded, then the mean "
            "of the three; base and novel stand beside it, so that the published form can be "
            "computed."
        ),
        source="ViFi-CLIP, README; our computation",
        protocols=BASE_TO_NOVEL,
    ),
    Fault(
        id="deviation-unnamed",
        kind="metric",
        title="The deviation over splits does not say its formula",
        wrong=(
            "Means over splits or draws are taken by hand in all of these repositories; whether a "
            "published deviation divides by n or by n - 1 is not stated."
        ),
        moves="With three splits the two differ by a factor of 1.22.",
        ours="The numbers of every split are in the record, so that either can be computed.",
        source="ViFi-CLIP, Open-VCLIP and FROSTER: no code for it",
        protocols=(*ZERO_SHOT, *BASE_TO_NOVEL),
    ),
    Fault(
        id="msvd-median",
        kind="metric",
        title="MSVD's median rank is the lower one",
        wrong=(
            "CLIP4Clip takes the median over captions by torch.median, which is the lower of two "
            "middle values, and by numpy's, their mean, elsewhere. For several captions it also "
            "ranks ties in no stated order."
        ),
        moves=(
            "It differs by half a rank or more only if the two middle ranks differ and the number "
            "of queries is even: the 27,763 queries are an odd number, subsets need not be."
        ),
        ours="The mean of the two middle ranks; --tie-rule reference takes the lower one.",
        source="CLIP4Clip, metrics.py:34-61",
        protocols=("ret-msvd",),
    ),
    Fault(
        id="chosen-on-test",
        kind="selection",
        title="Checkpoints are chosen on the test videos",
        wrong=(
            "ViFi-CLIP validates on the test list itself and keeps best.pth by it. Base-to-novel "
            "results are stated to be the last epoch's, few-shot results are not."
        ),
        moves="The best of several epochs on the test set is too high by an unknown amount.",
        ours=(
            "The last epoch, always (or the mean of epochs that the method prescribes); nothing "
            "is chosen on a test list."
        ),
        source="ViFi-CLIP, main.py:108-117",
        protocols=(*FEW_SHOT, *SUPERVISED),
    ),
    Fault(
        id="retrieval-chosen-on-test",
        kind="selection",
        title="Retrieval checkpoints are the best of many on test",
        wrong=(
            "CLIP-ViP evaluates the test set every 100 steps, about 70 times on MSR-VTT, and "
            "keeps the checkpoint that is best on it by R@1 after the dual softmax. CLIP4Clip "
            "keeps the best epoch on test."
        ),
        moves=(
            "The maximum of about 70 noisy numbers is reported as a result. How much too high was "
            "not measured."
        ),
        ours="The weights after the last step; the test list is scored once.",
        source=(
            "CLIP-ViP, src/tasks/run_video_retrieval.py:157, 203, 324, 411-429; CLIP4Clip, "
            "main_task_retrieval.py:562-569"
        ),
        protocols=RETRIEVAL,
    ),
    Fault(
        id="activitynet-no-test",
        kind="selection",
        title="ActivityNet Captions has no test list",
        wrong=(
            "Results are on val_1 (4,917 videos), which then is validation and test in one. val_2 "
            "is no other set: all of its 4,885 videos are in val_1, with sentences of other "
            "annotators."
        ),
        moves="Whatever was chosen by validation was chosen on the reported videos.",
        ours="ret-activitynet scores val_1 once, after the last step.",
        source="ActivityNet Captions, val_1 and val_2; our count",
        protocols=("ret-activitynet",),
    ),
    Fault(
        id="ssv2-flips",
        kind="training",
        title="Left and right are flipped in training",
        wrong=(
            "ViFi-CLIP mirrors half of the training clips, also of Something-Something, where 6 "
            "of the 174 classes are pairs of left and right, and keeps their labels."
        ),
        moves=(
            "1,083 of the 24,777 validation videos (4.4 %) are of these classes, all in the base "
            "half; a model trained so can hardly tell the two of a pair apart."
        ),
        ours=(
            "ViFi-CLIP's recipe keeps augment.flip 0.5 as published; augment.flip 0 is one "
            "option, and the record has it."
        ),
        source="ViFi-CLIP, datasets/build.py:247-265; our count",
        protocols=("fs-ssv2", "b2n-ssv2*"),
    ),
    Fault(
        id="left-over-batches",
        kind="training",
        title="Few-shot epochs lose videos",
        wrong=(
            "ViFi-CLIP accumulates gradients over batches and throws away those that are left "
            "over at the end of an epoch."
        ),
        moves=(
            "With 8 GPUs 64 of the 104 (padded) videos of HMDB51's 2-shot list contribute to an "
            "epoch: 1 step an epoch, 50 in all. Another number of GPUs or another batch is "
            "another training."
        ),
        ours=(
            "An incomplete last batch is dropped here too, but the batch does not depend on the "
            "number of GPUs; the record has the batch and the number of steps."
        ),
        source="ViFi-CLIP, main.py:133, 165-169; our count",
        protocols=(*BASE_TO_NOVEL, *FEW_SHOT),
    ),
    Fault(
        id="one-seed",
        kind="training",
        title="Three seeds that are one seed",
        wrong=(
            "What is reported as three seeds of base-to-novel are three training lists; the "
            "random seed is always 1024 plus the number of the process."
        ),
        moves=(
            "The deviation holds no variation of the seed, and another number of processes gives "
            "other random numbers."
        ),
        ours=(
            "In b2n-* the seeds 1, 2 and 3 choose the list and also set the random numbers of the "
            "run, so the deviation holds both; the seed is in the record."
        ),
        source="ViFi-CLIP, utils/config.py and its issue 11",
        protocols=("b2n-k400", "b2n-hmdb51", "b2n-ucf101", "b2n-ssv2"),
    ),
)
