"""The hundred action triplets of CholecT50 and CholecT45, by their published ids.

From `maps.txt` of ivtmetrics 0.1.5 (CAMMA, University of Strasbourg), BSD 2-Clause, whose text
stands beside this file; words as in `categories` of CholecT50's own label files.
"""

from __future__ import annotations

# Instrument and verb, then their targets. The ids count on from 0 through all lines.
_IN_ORDER_OF_IDS = """
grasper dissect: cystic_plate gallbladder omentum
grasper grasp: cystic_artery cystic_duct cystic_pedicle cystic_plate gallbladder gut liver omentum peritoneum specimen_bag
grasper pack: gallbladder
grasper retract: cystic_duct cystic_pedicle cystic_plate gallbladder gut liver omentum peritoneum
bipolar coagulate: abdominal_wall_cavity blood_vessel cystic_artery cystic_duct cystic_pedicle cystic_plate gallbladder liver omentum peritoneum
bipolar dissect: adhesion cystic_artery cystic_duct cystic_plate gallbladder omentum
bipolar grasp: cystic_plate liver specimen_bag
bipolar retract: cystic_duct cystic_pedicle gallbladder liver omentum
hook coagulate: blood_vessel cystic_artery cystic_duct cystic_pedicle cystic_plate gallbladder liver omentum
hook cut: blood_vessel peritoneum
hook dissect: blood_vessel cystic_artery cystic_duct cystic_plate gallbladder omentum peritoneum
hook retract: gallbladder liver
scissors coagulate: omentum
scissors cut: adhesion blood_vessel cystic_artery cystic_duct cystic_plate liver omentum peritoneum
scissors dissect: cystic_plate gallbladder omentum
clipper clip: blood_vessel cystic_artery cystic_duct cystic_pedicle cystic_plate
irrigator aspirate: fluid
irrigator dissect: cystic_duct cystic_pedicle cystic_plate gallbladder omentum
irrigator irrigate: abdominal_wall_cavity cystic_pedicle liver
irrigator retract: gallbladder liver omentum
grasper null_verb: null_target
bipolar null_verb: null_target
hook null_verb: null_target
scissors null_verb: null_target
clipper null_verb: null_target
irrigator null_verb: null_target
"""  # noqa: E501


def _listed() -> list[tuple[str, str, str]]:
    found = []
    for line in _IN_ORDER_OF_IDS.strip().splitlines():
        head, targets = line.split(": ")
        instrument, verb = head.split()
        found += [(instrument, verb, target) for target in targets.split()]
    return found


TRIPLETS: tuple[tuple[str, str, str], ...] = tuple(_listed())
ID_OF_TRIPLET: dict[tuple[str, str, str], int] = {words: i for i, words in enumerate(TRIPLETS)}
