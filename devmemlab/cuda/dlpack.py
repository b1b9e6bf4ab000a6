"""DLPack: memory handed to another library as a capsule, without a copy.

Law.   The owner lives until whoever took the capsule lets go of it, or the capsule dies untaken.
Reads. The DLPack header (DLManagedTensor, DLDeviceType) and the Python array API's text on ``__dlpack__``.
Omits. The versioned capsule of DLPack 1.0 (``max_version``): every consumer takes the older form still; NumPy shows it
       read-only.
"""

import ctypes

CPU, CUDA = 1, 2
_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
_NAME = b"dltensor"


class _Device(ctypes.Structure):
    _fields_ = [("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32)]


class _Type(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", _Device), ("ndim", ctypes.c_int32), ("dtype", _Type),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class _Managed(ctypes.Structure):
    pass


_DELETER = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Managed))
_Managed._fields_ = [("tensor", _Tensor), ("manager_ctx", ctypes.c_void_p), ("deleter", _DELETER)]
_DESTRUCTOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_api = ctypes.pythonapi
_new = _api.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, _DESTRUCTOR]
_is_valid = _api.PyCapsule_IsValid
_is_valid.restype, _is_valid.argtypes = ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]
_pointer = _api.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]

LENT = {}
"""What others hold: address of the managed tensor -> it, its shape, and the owner of the memory."""


@_DELETER
def _give_back(managed):
    LENT.pop(ctypes.addressof(managed.contents), None)


@_DESTRUCTOR
def _untaken(capsule):
    # A consumer renames the capsule that it takes: one of the old name was taken by nobody.
    if _is_valid(capsule, _NAME):
        LENT.pop(_pointer(capsule, _NAME), None)


def to_capsule(owner, address, dtype, shape, device_type, device_id):
    """Lend memory.

    Parameters
    ----------
    owner : object
        Kept alive meanwhile.
    address : int
        First octet, on its device.
    dtype : numpy.dtype
        Of numbers, native byte order.
    shape : tuple of int
        Of a C-contiguous array.
    device_type, device_id : int
        ``CPU`` or ``CUDA``, and which.

    Returns
    -------
    capsule : PyCapsule
        Named ``dltensor``; to be taken once.

    Raises
    ------
    BufferError
        DLPack has no such type.
    """
    if dtype.kind not in _CODES or not dtype.isnative or dtype.names:
        raise BufferError(f"DLPack has no type for {dtype}; view the memory as one of numbers first")
    ndim = len(shape)
    managed, extents = _Managed(), (ctypes.c_int64 * max(ndim, 1))(*shape)
    managed.tensor = _Tensor(address, _Device(device_type, device_id), ndim,
                             _Type(_CODES[dtype.kind], 8 * dtype.itemsize, 1),
                             ctypes.cast(extents, ctypes.POINTER(ctypes.c_int64)), None, 0)
    managed.deleter = _give_back
    LENT[ctypes.addressof(managed)] = managed, extents, owner
    return _new(ctypes.addressof(managed), _NAME, _untaken)
