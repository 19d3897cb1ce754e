def ctc(output, target):
    # PyTorch's own mean divides each sample's loss by the number of its labels.
    log = output.log_softmax(-1).transpose(0, 1)
    times = target.new_full((len(target),), len(log))
    counts = (target != 0).sum(1)
    return F.ctc_loss(log, target, times, counts, reduction="none").mean()
