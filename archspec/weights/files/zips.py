"""ZIP archives of strangers."""

from __future__ import annotations

import zipfile

from archspec.weights.files.stored import Refused


def member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member that is not compressed, and not larger than it may be. Raises Refused, and what `zipfile` does."""
    about = archive.NameToInfo.get(name)
    if about is None:
        raise Refused(f"it has no member {name!a:.80}")
    if len(archive.NameToInfo) != len(archive.filelist):
        raise Refused("it has two members of one name")
    if about.compress_type != zipfile.ZIP_STORED or about.flag_bits & 1:
        raise Refused(f"its member {name!a:.80} is compressed or encrypted, as frameworks do not write it")
    if about.file_size > most:
        raise Refused(f"its members are larger than the file: {name!a:.80}")
    with archive.open(about) as file:
        return file.read()
