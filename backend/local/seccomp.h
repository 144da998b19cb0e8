/*
 * The two system call filters of a local sandbox; see seccomp.c for what they refuse.
 *
 * *base* is what bubblewrap loads, so everything in the sandbox runs under it, the browser
 * included: no mounts, keys, BPF, io_uring, kernel modules; only unix, IPv4, IPv6 and
 * route-netlink sockets. It lets user namespaces through, which Chromium's own sandbox needs.
 * *strict* contains base and adds: no namespaces, no chroot, no set-id files, no limits of
 * other processes. pid 1 loads it before it serves, so every command runs under it.
 *
 * Refusals are errors (EPERM, ENOSYS, EAFNOSUPPORT), never a kill. Foreign
 * architectures get ENOSYS.
 */
#ifndef BACKEND_LOCAL_SECCOMP_H
#define BACKEND_LOCAL_SECCOMP_H

#include "base/buf.h"

/* A memfd, positioned at its start, for bwrap --seccomp. The caller closes it. */
int seccomp_base_fd(int *out_fd, struct err *err) MUST_CHECK;

/* struct sock_filter[], for the CONFIG frame. */
int seccomp_strict_program(struct buf *out, struct err *err) MUST_CHECK;

#endif
