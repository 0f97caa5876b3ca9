"""What scripts/backend needs of libbpf, through ctypes: a backend has the library, but no compiler."""

import ctypes
import errno
import os

MODES = {"native": 4, "generic": 2}  # XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE
EGRESS = 2                           # BPF_TC_EGRESS
HANDLE, PRIORITY = 0x51, 1


class BpfError(Exception):
    """What the kernel or the library refused."""


class Hook(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("ifindex", ctypes.c_int), ("attach_point", ctypes.c_int),
                ("parent", ctypes.c_uint32)]


class Classifier(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("program", ctypes.c_int), ("flags", ctypes.c_uint32),
                ("program_id", ctypes.c_uint32), ("handle", ctypes.c_uint32), ("priority", ctypes.c_uint32)]


class ProgramInfo(ctypes.Structure):
    """The beginning of struct bpf_prog_info."""
    _fields_ = [("type", ctypes.c_uint32), ("id", ctypes.c_uint32), ("tag", ctypes.c_uint8 * 8),
                ("jited_length", ctypes.c_uint32), ("length", ctypes.c_uint32), ("jited", ctypes.c_uint64),
                ("instructions", ctypes.c_uint64), ("load_time", ctypes.c_uint64), ("uid", ctypes.c_uint32),
                ("map_count", ctypes.c_uint32), ("map_ids", ctypes.c_uint64), ("name", ctypes.c_char * 16)]


class MapInfo(ctypes.Structure):
    """The beginning of struct bpf_map_info."""
    _fields_ = [("type", ctypes.c_uint32), ("id", ctypes.c_uint32), ("key_size", ctypes.c_uint32),
                ("value_size", ctypes.c_uint32), ("entries", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("name", ctypes.c_char * 16)]


def library():
    try:
        lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError as error:
        raise BpfError(f"{error}: install libbpf1") from error
    for name in ("bpf_object__open_file", "bpf_object__find_program_by_name"):
        getattr(lib, name).restype = ctypes.c_void_p
    lib.libbpf_set_print(None)
    return lib


LIB = library()


def checked(result, what):
    if result < 0:
        number = ctypes.get_errno() if result == -1 else -result
        raise BpfError(f"{what}: {os.strerror(number)}")
    return result


class Object:
    """A compiled file, loaded."""

    def __init__(self, path):
        self.pointer = LIB.bpf_object__open_file(os.fsencode(str(path)), None)
        if not self.pointer:
            raise BpfError(f"{path}: {os.strerror(ctypes.get_errno())}")
        checked(LIB.bpf_object__load(ctypes.c_void_p(self.pointer)), f"the kernel refuses the programs of {path}")

    def program(self, name):
        found = LIB.bpf_object__find_program_by_name(ctypes.c_void_p(self.pointer), name.encode())
        return checked(LIB.bpf_program__fd(ctypes.c_void_p(found)), f"no program {name}")

    def put(self, name, key, value):
        table = checked(LIB.bpf_object__find_map_fd_by_name(ctypes.c_void_p(self.pointer), name.encode()),
                        f"no map {name}")
        checked(LIB.bpf_map_update_elem(table, key, value, ctypes.c_uint64(0)), f"map {name}")


def program_at(ifindex):
    """(name, map ids) of the XDP program of an interface, or None."""
    number = ctypes.c_uint32()
    checked(LIB.bpf_xdp_query_id(ifindex, 0, ctypes.byref(number)), "which XDP program there is")
    if number.value == 0:
        return None
    program = checked(LIB.bpf_prog_get_fd_by_id(number), "the XDP program")
    try:
        ids = (ctypes.c_uint32 * 16)()
        info = ProgramInfo(map_count=16, map_ids=ctypes.addressof(ids))
        size = ctypes.c_uint32(ctypes.sizeof(info))
        checked(LIB.bpf_obj_get_info_by_fd(program, ctypes.byref(info), ctypes.byref(size)), "the XDP program")
        return info.name.decode(), list(ids[:info.map_count])
    finally:
        os.close(program)


def map_named(ids, name):
    """Descriptor and value size of the first of these maps that has the name."""
    for number in ids:
        table = checked(LIB.bpf_map_get_fd_by_id(ctypes.c_uint32(number)), f"map {name}")
        info, size = MapInfo(), ctypes.c_uint32(ctypes.sizeof(MapInfo))
        checked(LIB.bpf_obj_get_info_by_fd(table, ctypes.byref(info), ctypes.byref(size)), f"map {name}")
        if info.name.decode() == name:
            return table, info.value_size
        os.close(table)
    raise BpfError(f"there is no map {name}")


def per_cpu(table, key, value_size):
    """The values of all processors at a key, as bytes each."""
    room = (value_size + 7) // 8 * 8
    values = ctypes.create_string_buffer(room * LIB.libbpf_num_possible_cpus())
    checked(LIB.bpf_map_lookup_elem(table, key, values), "a counter")
    return [values.raw[at:at + value_size] for at in range(0, len(values.raw), room)]


def attach_xdp(ifindex, program):
    """Attaches, or replaces in one step; returns the mode."""
    refusal = None
    for mode, flag in MODES.items():
        try:
            checked(LIB.bpf_xdp_attach(ifindex, program, flag, None), "XDP")
            return mode
        except BpfError as error:
            refusal = refusal or error
    raise BpfError(f"the kernel attaches the program in no mode: {refusal}")


def detach_xdp(ifindex):
    for flag in MODES.values():
        LIB.bpf_xdp_detach(ifindex, flag, None)


def hook_at(ifindex):
    return Hook(ctypes.sizeof(Hook), ifindex, EGRESS, 0)


def attach_egress(ifindex, program):
    hook = hook_at(ifindex)
    made = LIB.bpf_tc_hook_create(ctypes.byref(hook))
    if made != -errno.EEXIST:
        checked(made, "a clsact queueing discipline")
    options = Classifier(ctypes.sizeof(Classifier), program, 1, 0, HANDLE, PRIORITY)  # 1: replace
    checked(LIB.bpf_tc_attach(ctypes.byref(hook), ctypes.byref(options)), "the classifier at the egress")


def detach_egress(ifindex):
    """The queueing discipline stays: others may have classifiers there, and empty it does nothing."""
    options = Classifier(ctypes.sizeof(Classifier), 0, 0, 0, HANDLE, PRIORITY)
    LIB.bpf_tc_detach(ctypes.byref(hook_at(ifindex)), ctypes.byref(options))
