/*
 * Waiting for processes, their output, ports and URLs: process_ops.wait. Nothing is polled here:
 * jobs wake their waiters, and the agent watches ports.
 */
#ifndef BACKEND_LOCAL_WAIT_H
#define BACKEND_LOCAL_WAIT_H

#include "backend/backend.h"

int local_wait(struct sandbox *base, struct call *call, const struct wait_request *req,
               struct wait_result *res, struct err *err) MUST_CHECK;

#endif
