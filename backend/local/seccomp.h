/*
 * The two system call filters (LOCAL.md section 12, MECHANISMS.md section 1).
 */
#ifndef BACKEND_LOCAL_SECCOMP_H
#define BACKEND_LOCAL_SECCOMP_H

#include "base/buf.h"

/* A memfd, offset 0, with the BPF program every process of a sandbox runs under
 * (bwrap --seccomp). */
int seccomp_base_fd(int *out_fd, struct err *err) MUST_CHECK;

/* struct sock_filter[] that pid 1 loads on itself before it serves: base and more. */
int seccomp_strict_program(struct buf *out, struct err *err) MUST_CHECK;

#endif
