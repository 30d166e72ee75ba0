"""Caption scores under the COCO-caption protocol, all printed x 100."""

from photocap.metrics.cider import CiderD, DocumentFrequency, cider_d

__all__ = ["CiderD", "DocumentFrequency", "cider_d"]
