/* What sandbox_info tells when it is asked for it: each looks anew. */
#ifndef BACKEND_LOCAL_INFO_PARTS_H
#define BACKEND_LOCAL_INFO_PARTS_H

#include "backend/local/exec.h"

/* The sandbox's pid 1 as the host sees it; -1 unknown. */
long info_first_pid(const struct agent *a);

/* TCP addresses on which something in the sandbox's network listens, each once; at most 256. Those
 * of the kernel, so no name in them is a sandbox's. */
int info_ports(const struct agent *a, struct sandbox_info *res, struct err *err) MUST_CHECK;

/* "NAME==VERSION" of what its python imports, by name, as the sandbox says; at most 500. */
int info_packages(struct local_sandbox *sb, struct call *call, struct sandbox_info *res,
                  struct err *err) MUST_CHECK;

#endif
