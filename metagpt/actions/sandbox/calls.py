"""Numbers of the system calls that the filter knows, as (x86_64, aarch64); None where the machine has no such call."""

from __future__ import annotations

__all__ = ["ABSENT", "ARGUMENT_CALLS", "FORBIDDEN", "METADATA", "NEWEST_CALL", "SAME_USER", "SOCKETS", "Call"]

Call = tuple[int | None, int | None]

NEWEST_CALL = 462
"""Calls above it do not exist for the program: what nobody has looked at is not let through."""

FORBIDDEN: dict[str, Call] = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "perf_event_open": (298, 241),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "lookup_dcookie": (212, 18),
    # keys of the session
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # file systems and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "setns": (308, 268),
    "unshare": (272, 97),
    # the kernel and the machine
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "create_module": (174, None),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "personality": (135, 92),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "vhangup": (153, 58),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "uselib": (134, None),
    "_sysctl": (156, None),
}
"""Refused in every backend."""

ABSENT: dict[str, Call] = {
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "clone3": (435, 435),
}
"""Said not to exist, so that libraries take the older way: unfilterable (io_uring, clone3) or memory nobody counts."""

SOCKETS: dict[str, Call] = {
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "socket": (41, 198),
    "accept": (43, 202),
    "accept4": (288, 242),
}
"""How a socket is made and led somewhere; pairs are not among them."""

SAME_USER: dict[str, Call] = {
    # leaving the process group
    "setsid": (112, 157),
    "setpgid": (109, 154),
    # processes of the same user
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "tkill": (200, 130),
    "inotify_add_watch": (254, 27),
    # memory and queues shared by name
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
}
"""What reaches beyond the program where it has no namespaces of its own."""

METADATA: dict[str, Call] = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
}
"""Changes of mode, owner, times and attributes, which Landlock does not govern."""

ARGUMENT_CALLS: dict[str, Call] = {
    "clone": (56, 220),
    "ioctl": (16, 29),
    "socketpair": (53, 199),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "kill": (62, 129),
    "tgkill": (234, 131),
    "fcntl": (72, 25),
    "truncate": (76, 45),
    "socket": (41, 198),
}
"""Calls judged by their arguments."""
