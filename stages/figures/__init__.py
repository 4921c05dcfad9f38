"""The report's figures: pure functions from an artifact's rows to one SVG each."""

from stages.figures.architecture import diagram as diagram
from stages.figures.comparison import cost as cost
from stages.figures.comparison import proxy_correlation as proxy_correlation
from stages.figures.ranking import PANELS as PANELS
from stages.figures.ranking import convergence as convergence
from stages.figures.ranking import scatter as scatter
from stages.figures.searches import retrain as retrain
from stages.figures.searches import search as search
from stages.figures.searches import task_search as task_search
from stages.figures.signals import sequence_signals as sequence_signals
from stages.figures.signals import signals as signals
from stages.figures.style import proxy_styles as proxy_styles
