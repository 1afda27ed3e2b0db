"""The folders from which the processes of tests import."""

import os

from build_tools.release_templates import ROOT

PATHS = os.pathsep.join([str(ROOT / "scaffold"), str(ROOT)])
