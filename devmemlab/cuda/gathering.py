"""The gather kernel: scattered pieces of a GPU's memory become one stretch, a block of threads a piece.

Law.   Each octet is written once, by the widest word that source and target are both aligned to.
Reads. The unpack kernels of NCCL's and UCCL's devmem plugins, as far as the choice of the word goes.
Omits. Words of 16 octets, and pieces cut for several blocks: a piece is a frag, and rarely longer than a page.
"""

import numpy as np

from devmemlab.base.table import schema, table
from devmemlab.cuda.compiling import cuda, gpu_kernel
from devmemlab.cuda.driver import require

MOVE = schema("source", "target", "length")
THREADS = 128


@gpu_kernel
def gather_kernel(source, target, source4, target4, source8, target8, moves):
    """Copy pieces.

    Parameters
    ----------
    source, target : uint8[n]
        Where pieces lie and where they go.
    source4, target4 : uint32[n / 4]
        The same memory in words.
    source8, target8 : uint64[n / 8]
        The same in words of 8.
    moves : MOVE[count]
        Offsets in octets.
    """
    for i in range(cuda.blockIdx.x, len(moves), cuda.gridDim.x):
        begin, to, length = moves[i].source, moves[i].target, moves[i].length
        done = 0
        if (begin | to) & 7 == 0:
            for k in range(cuda.threadIdx.x, length >> 3, cuda.blockDim.x):
                target8[(to >> 3) + k] = source8[(begin >> 3) + k]
            done = length & ~7
        elif (begin | to) & 3 == 0:
            for k in range(cuda.threadIdx.x, length >> 2, cuda.blockDim.x):
                target4[(to >> 2) + k] = source4[(begin >> 2) + k]
            done = length & ~3
        for k in range(done + cuda.threadIdx.x, length, cuda.blockDim.x):
            target[to + k] = source[begin + k]


def gather_on(source, target, pieces, target_offset, stream):
    """Launch the gather kernel.

    Parameters
    ----------
    source, target : uint8[n] on the device
        Whole memories, of a length that 8 divides.
    pieces : PIECE[count]
        Offsets in `source` and lengths, in order; checked.
    target_offset : int
        Where the stretch begins in `target`.
    stream : stream
        Of ``numba.cuda``.
    """
    moves = table(MOVE, len(pieces))
    moves.source, moves.length = pieces.offset, pieces.length
    np.cumsum(pieces.length[:-1], out=moves.target[1:])
    moves.target += target_offset
    words = [memory.view(kind) for kind in (np.uint32, np.uint64) for memory in (source, target)]
    moves = require().to_device(moves.view(np.ndarray).view(MOVE), stream=stream)
    gather_kernel.launch(len(pieces), source, target, *words, moves, stream=stream, threads=THREADS)
