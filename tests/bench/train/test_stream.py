"""The loaders of videos."""

import subprocess
import sys


def test_workers_start_in_a_process_that_used_opencv_with_threads():
    """A forked worker that told OpenCV how many threads to use waited for the parent's for ever."""
    code = (
        "import cv2, numpy as np\n"
        "cv2.setNumThreads(4)\n"
        "cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (9, 9), 2)\n"
        "from vclipbench.bench.loading import loader\n"
        "class Resized:\n"
        "    __len__ = lambda self: 4\n"
        "    __getitem__ = lambda self, i: cv2.resize(np.zeros((8, 8), np.uint8), (4 + i, 4)).shape[1]\n"
        "print(list(loader(Resized(), 2, batch_size=None)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[4, 5, 6, 7]"
