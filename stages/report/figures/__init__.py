"""The report's figures: pure functions from an artifact's rows to one SVG each."""

from stages.report.figures.architecture import diagram as diagram
from stages.report.figures.comparison import cost as cost
from stages.report.figures.comparison import proxy_correlation as proxy_correlation
from stages.report.figures.encodings import encoding_map as encoding_map
from stages.report.figures.fronts import by_run as by_run
from stages.report.figures.fronts import front as front
from stages.report.figures.fronts import hypervolume as hypervolume
from stages.report.figures.fronts import words as words
from stages.report.figures.ranking import PANELS as PANELS
from stages.report.figures.ranking import by_error as by_error
from stages.report.figures.ranking import convergence as convergence
from stages.report.figures.ranking import scatter as scatter
from stages.report.figures.searches import retrain as retrain
from stages.report.figures.searches import search as search
from stages.report.figures.searches import task_search as task_search
from stages.report.figures.signals import signals as signals
from stages.report.figures.style import proxy_styles as proxy_styles
