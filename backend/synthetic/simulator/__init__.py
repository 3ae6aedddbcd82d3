"""Studio textures in; phone textures as the pipeline would have made them out, in batches.

tables.py       what coarse skin points of a bank of heads see of the room and of the head
sphere.py       the directions in which light and visibility are told
environments.py, hdri.py   the light: made up, or from panoramas
shading.py      light and shine on the points
view_placement.py   where the phone and the light stand in each view
occluders.py    hair, glasses, clothes
blend.py, batch_inpaint.py   the phone texture's stage, on a batch
phone_camera.py tone curve, noise and codec
simulate.py     all of it
check_light.py  how far the light is from that of Cycles
pair_sheet.py   pairs to look at
"""

from .environments import Environments, concatenate, draw_environments
from .hdri import read_hdris
from .host_memory import keep_freed_memory
from .pair_sheet import draw_sheet
from .simulate import MOVES_WITH, Pair, Simulator, Skins
from .tables import HeadTables, bake_tables, load_tables, save_tables

__all__ = [
    "MOVES_WITH",
    "Environments",
    "HeadTables",
    "Pair",
    "Simulator",
    "Skins",
    "bake_tables",
    "concatenate",
    "draw_environments",
    "draw_sheet",
    "keep_freed_memory",
    "load_tables",
    "read_hdris",
    "save_tables",
]
