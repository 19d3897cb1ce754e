import torch


def filled_device() -> torch.device:
    """The default device; not meta, as weight files do not fill what is made there."""
    device = torch.get_default_device()
    return torch.device("cpu") if device.type == "meta" else device
