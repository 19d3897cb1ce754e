from keras import ops


def rfft(x, axis=-1):
    """The Fourier transform of real numbers along an axis, in two parts."""
    real, imag = ops.rfft(ops.moveaxis(x, axis, -1))
    return ops.moveaxis(real, -1, axis), ops.moveaxis(imag, -1, axis)


def irfft(real, imag, axis=-1, length=None):
    """The inverse of rfft."""
    parts = (ops.moveaxis(real, axis, -1), ops.moveaxis(imag, axis, -1))
    return ops.moveaxis(ops.irfft(parts, length), -1, axis)


def fft(real, imag=None, axis=-1):
    """The Fourier transform along an axis, in two parts."""
    imag = ops.zeros_like(real) if imag is None else imag
    parts = ops.fft((ops.moveaxis(real, axis, -1), ops.moveaxis(imag, axis, -1)))
    return tuple(ops.moveaxis(part, -1, axis) for part in parts)


def ifft(real, imag=None, axis=-1):
    """The inverse Fourier transform along an axis, in two parts."""
    size = real.shape[axis]
    # The inverse is the transform of the conjugate, conjugated.
    imag = ops.zeros_like(real) if imag is None else -imag
    real, imag = fft(real, imag, axis)
    return real / size, -imag / size
