"""Faults of published lists of videos and classes, for classification."""

from __future__ import annotations

from .fault import FEW_SHOT, Fault

FAULTS: tuple[Fault, ...] = (
    Fault(
        id="few-shot-test-splits",
        kind="lists",
        title="Few-shot training videos are test videos of two splits",
        wrong=(
            "ViFi-CLIP draws its few-shot lists from training split 1; its authors answer that "
            "few-shot results are means over the three test splits, while their configurations "
            "name split 1 only. At 16 shots, 627 of the 3,734 videos of UCF101's second test "
            "split and 623 of the 3,696 of the third are training videos; of HMDB51's it is 233 "
            "and 254 of 1,530."
        ),
        moves=(
            "At 16 shots up to 16.9 % of a test split of UCF101 and 16.6 % of one of HMDB51 were "
            "trained on, at 2 shots up to 2.2 % and 2.4 %. The mean over three splits is "
            "therefore too high, and the more so the more shots."
        ),
        ours=(
            "fs-ucf101 and fs-hmdb51 average the three splits as the authors answered; "
            "fs-ucf101-clean and fs-hmdb51-clean score split 1 only, which holds no training "
            "video."
        ),
        source=(
            "ViFi-CLIP, datasets_splits/{ucf,hmdb}_splits/train1_few_shot_*.txt against val2.txt "
            "and val3.txt, and its issue 11; our count"
        ),
        protocols=("fs-ucf101", "fs-hmdb51"),
    ),
    Fault(
        id="few-shot-not-nested",
        kind="lists",
        title="Few-shot lists of more shots do not contain those of fewer",
        wrong=(
            "Each K has one list, drawn on its own. Of the 202 videos of UCF101's 2-shot list 11 "
            "are in the 4-shot list, of HMDB51's 102 it is 7, of Something-Something v2's 348 it "
            "is 0."
        ),
        moves=(
            "A curve over K compares other videos at every point, and with one list for each K "
            "nothing says how much another draw would move a number."
        ),
        ours=(
            "The published lists, one training for each K. fs-shapes, our own, draws nested lists "
            "by the seed of the run."
        ),
        source="ViFi-CLIP, datasets_splits/*/train1_few_shot_*.txt; our count",
        protocols=FEW_SHOT,
    ),
    Fault(
        id="base-lists-overlap",
        kind="lists",
        title="The three base-to-novel training lists share videos",
        wrong=(
            "The three 16-shot lists that are reported as three seeds overlap. Lists one and two, "
            "one and three, two and three share 80, 102 and 85 of 816 videos on UCF101, 52, 130 "
            "and 0 of 416 on HMDB51, 0, 0 and 60 of 1,392 on SSv2, 0, 0 and 178 of 3,200 on "
            "Kinetics-400."
        ),
        moves=(
            "Up to 31 % of a list is in another one, so the three runs are not independent and "
            "their deviation understates what another draw would move."
        ),
        ours=(
            "b2n-* uses the lists as published. b2n-ucf101-clean, b2n-hmdb51-clean and "
            "b2n-ssv2-clean draw three disjoint lists from the base training list by a stated "
            "rule; no copy of that list of Kinetics-400 could be examined."
        ),
        source=(
            "ViFi-CLIP, datasets_splits/base2novel_splits/*/fs_base_s{1,2,3}_train.txt; our count"
        ),
        protocols=("b2n-k400", "b2n-hmdb51", "b2n-ucf101", "b2n-ssv2"),
    ),
    Fault(
        id="k400-halves-differ",
        kind="lists",
        title="Two base-to-novel halves of Kinetics-400 differ by a class",
        wrong=(
            "Base classes are the more frequent half of the training set, of which ViFi-CLIP and "
            "Open-VCLIP had different copies. ViFi-CLIP has cutting watermelon in the base half "
            "and water skiing in the novel half, Open-VCLIP the reverse."
        ),
        moves=(
            "50 of ViFi-CLIP's 9,944 base and 49 of its 9,933 novel validation clips are of these "
            "classes, and one of 200 candidates differs for all others. Open-VCLIP's lists are "
            "also shorter, 9,888 and 9,873 clips."
        ),
        ours=(
            "b2n-k400 is ViFi-CLIP's halves. A result on the others does not belong in its column."
        ),
        source=(
            "ViFi-CLIP, labels/kinetics_400_{base,novel}_labels.csv; Open-VCLIP, "
            "label_db/weng_compress_partial_splits_vifi; our count"
        ),
        protocols=("b2n-k400",),
    ),
    Fault(
        id="froster-lists-shrunk",
        kind="lists",
        title="FROSTER's base-to-novel lists lack videos",
        wrong=(
            "FROSTER uses ViFi-CLIP's lists of Kinetics-400 less what its disk lacked: 3,121, "
            "3,113 and 3,108 of 3,200 training clips, so that some classes have 12 of 16 shots, "
            "and 9,883 of 9,944 base and 9,857 of 9,933 novel validation clips."
        ),
        moves=(
            "0.6 % of the base and 0.8 % of the novel test clips are not scored, and 79, 87 and "
            "92 training clips are missing. What this moves was not measured."
        ),
        ours=(
            "Every record holds the expected, found, unreadable and scored videos and a digest of "
            "their ids; missing videos are never silent."
        ),
        source="FROSTER, its B2N_k400 lists against ViFi-CLIP's; our count",
        protocols=("b2n-k400",),
    ),
    Fault(
        id="k600-two-lists",
        kind="lists",
        title="Two zero-shot lists of Kinetics-600 have no video in common",
        wrong=(
            "For the same three draws of 160 classes, Open-VCLIP lists 7,276, 7,226 and 7,261 "
            "clips, all of the official validation set, and ViFi-CLIP 14,084, 13,978 and 14,136, "
            "all of the official test set. They have 0 clips in common."
        ),
        moves=(
            "Numbers in one column of published tables (71.2 for ViFi-CLIP, 73.0 for Open-VCLIP) "
            "are of different videos; how much of a difference is the method's cannot be told."
        ),
        ours=(
            "zs-k600 is Open-VCLIP's lists, zs-k600-test ViFi-CLIP's, zs-k600-clean all official "
            "validation clips of the same classes; never one column."
        ),
        source=(
            "ViFi-CLIP, datasets_splits/k600_splits/ZS_split*_K600_eval.txt; Open-VCLIP, "
            "zs_label_db/k600_split*/test.csv; official tables; our count"
        ),
        protocols=("zs-k600", "zs-k600-test"),
    ),
    Fault(
        id="k600-test-labels",
        kind="lists",
        title="ViFi-CLIP's Kinetics-600 lists cannot be checked",
        wrong=(
            "Paths in the first list begin with train/ (11,930 clips), test/ (1,943) or val/ "
            "(211), which are folders of some later release: by YouTube id and time all are "
            "official test clips. The official table of test clips has no labels."
        ),
        moves=(
            "The labels rest on the list alone. Classes have 21 to 99 clips, where the validation "
            "lists have 33 to 50, so the mean over videos weighs classes less evenly."
        ),
        ours=(
            "zs-k600-test takes the labels of the list; zs-k600 and zs-k600-clean have labels "
            "that the official table confirms."
        ),
        source="ViFi-CLIP, datasets_splits/k600_splits; official kinetics-600_test.csv; our count",
        protocols=("zs-k600-test",),
    ),
    Fault(
        id="k600-short-lists",
        kind="lists",
        title="Open-VCLIP's Kinetics-600 lists lack official clips",
        wrong=(
            "Of the 8,000 official validation clips of the 160 classes of a draw the lists lack "
            "724, 774 and 739, probably what YouTube had lost by the time of one download."
        ),
        moves=(
            "9.1 %, 9.7 % and 9.2 % of the official clips are not scored. What they would move is "
            "unknown without them."
        ),
        ours=(
            "zs-k600 is the lists; zs-k600-clean is all official clips, with the number of those "
            "that are missing from your copy."
        ),
        source=(
            "Open-VCLIP, zs_label_db/k600_split*/test.csv against the official "
            "kinetics-600_val.csv; our count"
        ),
        protocols=("zs-k600",),
    ),
    Fault(
        id="k600-draws-overlap",
        kind="lists",
        title="The three draws of Kinetics-600 classes overlap",
        wrong=(
            "Of 160 classes each, two draws share 110, 116 and 117, and all three share 80; the "
            "union is 217. A shared class has the same clips in every draw: the 21,763 scored "
            "rows of Open-VCLIP's lists are 9,842 videos."
        ),
        moves=(
            "The published deviation over the draws is not that of independent tests: it "
            "understates how uncertain the mean is."
        ),
        ours=(
            "The draws and their mean as published. The leaderboard compares methods video by "
            "video."
        ),
        source="ViFi-CLIP and Open-VCLIP, their lists of Kinetics-600; our count",
        protocols=("zs-k600*",),
    ),
    Fault(
        id="k600-renamed-classes",
        kind="lists",
        title="Kinetics-400 classes under new names in Kinetics-600",
        wrong=(
            "232 of Kinetics-600's 600 names are not among Kinetics-400's, but 12 of them are its "
            "classes renamed (tying tie, tying necktie), one by the case of one letter (passing "
            "American football (not in game))."
        ),
        moves=(
            "Open-VCLIP's repository also has a list of all 232 as an open set: 12 of its classes "
            "were trained. The draws of the protocol avoid them; new draws from names compared "
            "letter by letter would not."
        ),
        ours=(
            "zs-k600 and its variants use the published draws. bench audit compares normalised "
            "names and the published exclusion list."
        ),
        source="Open-VCLIP, label_db/k600-openset; official names of both sets; our count",
        protocols=("zs-k600*",),
    ),
    Fault(
        id="k600-near-classes",
        kind="lists",
        title="Some unseen Kinetics-600 classes are nearly seen",
        wrong=(
            "No class of the draws has the name of a Kinetics-400 class. By our reading of the "
            "names, 15 of the 217 are nearly the same activity as one (swinging baseball bat, "
            "hitting baseball) and 14 are related; 70 were not judged."
        ),
        moves="At least 6.9 % of the classes are hardly unseen. What it moves was not measured.",
        ours=(
            "The published draws; bench audit lists such classes and its result is part of every "
            "record."
        ),
        source="official names of both sets; our reading",
        protocols=("zs-k600*",),
    ),
    Fault(
        id="trained-classes",
        kind="lists",
        title="Most of zero-shot UCF101 was trained on as Kinetics-400",
        wrong=(
            "By our reading of the names, 55 of UCF101's 101 classes and 23 of HMDB51's 51 are "
            "the same activity as a class of Kinetics-400, 19 and 13 more are near to one."
        ),
        moves=(
            "54.2 % of the videos of UCF101's test split 1 and 690 of HMDB51's 1,530 belong to "
            "such classes. After training on Kinetics-400 these protocols measure transfer to "
            "other videos more than to unseen classes."
        ),
        ours=(
            "Published classes; bench audit lists the shared ones and its result is part of every "
            "record."
        ),
        source="official class names; our reading",
        protocols=("zs-ucf101*", "zs-hmdb51*"),
    ),
    Fault(
        id="hmdb51-full",
        kind="lists",
        title="The full HMDB51 of 5,100 videos",
        wrong=(
            "Open-VCLIP's full list of HMDB51, and its ten random halves, are the 5,100 videos "
            "that split 1 uses. The other 1,666 of the 6,766 videos, 2 to 448 of a class, are "
            "left out, and the name does not say so."
        ),
        moves=(
            "24.6 % of the videos are not scored, and the 51 classes have 100 videos each, which "
            "they have not in the data set. Numbers on 5,100 and on 6,766 videos are not "
            "comparable."
        ),
        ours=(
            "zs-hmdb51-full and zs-hmdb51-halves are the 5,100 as published, zs-hmdb51-all is all "
            "6,766."
        ),
        source="Open-VCLIP, zs_label_db/hmdb_full/process.py:43; our count",
        protocols=("zs-hmdb51-full", "zs-hmdb51-halves", "zs-hmdb51-all"),
    ),
    Fault(
        id="full-and-splits",
        kind="lists",
        title="All videos and three test splits in one column",
        wrong=(
            "Zero-shot results on all videos and means over the three official test splits stand "
            "side by side in published tables. UCF101's test splits hold 11,213 of 13,320 videos "
            "(groups 22 to 25 are in none), HMDB51's 4,243 of 6,766."
        ),
        moves=(
            "FROSTER's tables give Open-VCLIP 83.5 and 83.4 on UCF101 and 53.2 and 53.9 on "
            "HMDB51, on all videos and on the splits."
        ),
        ours=(
            "Two ids each: zs-ucf101 and zs-hmdb51 are the splits, zs-ucf101-full, zs-hmdb51-full "
            "and zs-hmdb51-all are not."
        ),
        source="FROSTER, README; official split lists; our count",
        protocols=("zs-ucf101", "zs-ucf101-full", "zs-hmdb51", "zs-hmdb51-full", "zs-hmdb51-all"),
    ),
    Fault(
        id="hmdb51-test-overlap",
        kind="lists",
        title="HMDB51's official test splits overlap",
        wrong=(
            "Test splits one and two share 104 of 1,530 videos, one and three 126, two and three "
            "155."
        ),
        moves=(
            "The 4,590 scored rows are 4,243 videos: some count several times, and the deviation "
            "over the splits understates the uncertainty. UCF101's test splits share 0."
        ),
        ours="The mean of three splits as published; fs-hmdb51-clean scores one split.",
        source="official testTrainMulti_7030_splits; our count",
        protocols=("zs-hmdb51", "fs-hmdb51"),
    ),
    Fault(
        id="open-vclip-hmdb51-train",
        kind="lists",
        title="Open-VCLIP's HMDB51 training lists are the unused videos",
        wrong=(
            "train.csv of each HMDB51 split holds the 1,666 videos that the split leaves out, 2 "
            "to 448 a class, and 0 of its 3,570 training videos."
        ),
        moves=(
            "Whoever trains on it trains on other videos, very unevenly. The repository's own "
            "training scripts are for Kinetics-400 and do not use it."
        ),
        ours=(
            "fs-hmdb51* and b2n-hmdb51* train on ViFi-CLIP's lists; whoever reads Open-VCLIP's by "
            "datasets/reference_lists.py gets the fault with it."
        ),
        source="Open-VCLIP, zs_label_db/hmdb_split*/train.csv; our count",
        protocols=("fs-hmdb51*", "b2n-hmdb51*"),
    ),
    Fault(
        id="k400-short-lists",
        kind="lists",
        title="Validation lists of Kinetics-400 of several lengths",
        wrong=(
            "The official table has 19,906 validation clips; ViFi-CLIP scores 19,877, Open-VCLIP "
            "19,761. 137 clips of the first list are not in the second, 21 the other way round."
        ),
        moves="The missing 29 and 145 clips can move top-1 by at most 0.15 and 0.73 points.",
        ours=(
            "full-k400 is ViFi-CLIP's list, full-k400-clean the official table, with the number "
            "of clips that your copy lacks."
        ),
        source=(
            "ViFi-CLIP, datasets_splits/k400_splits/val.txt; Open-VCLIP, "
            "label_db/weng_compress_full_splits; official table; our count"
        ),
        protocols=("full-k400",),
    ),
    Fault(
        id="ucf101-handstand",
        kind="lists",
        title="A folder of UCF101 and its files differ in case",
        wrong=(
            "The folder is HandstandPushups, its files are v_HandStandPushups_*; FROSTER's lists "
            "use the folder name HandStandPushups. The class has 28, 37 and 42 videos in the "
            "three test splits."
        ),
        moves=(
            "A loader that skips what it does not find drops the class whole: 0.7 %, 1.0 % and "
            "1.1 % of the test videos, all of one class."
        ),
        ours=(
            "Videos are found by their own names, whatever the folder; what is not found is "
            "counted."
        ),
        source="official ucfTrainTestlist; FROSTER, its ucf101 test lists; our count",
        protocols=("zs-ucf101*", "b2n-ucf101*", "fs-ucf101*"),
    ),
)
