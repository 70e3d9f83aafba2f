"""What is wrong with a company's data, what is missing and what it would cost to mend: checks that return findings, a passport, labels."""

from kit.curation.audit import CHECKS, audit, with_features
from kit.curation.how_many import Forecast, curve, extrapolate, labels_needed
from kit.curation.looks import Look, look_at_all
from kit.curation.masking import mask_folder, price_of_privacy
from kit.curation.material import Material, gather

__all__ = ["CHECKS", "Forecast", "Look", "Material", "audit", "curve", "extrapolate", "gather", "labels_needed", "look_at_all", "mask_folder", "price_of_privacy", "with_features"]
