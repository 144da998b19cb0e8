#ifndef BACKEND_REMOTE_AIO_INFO_H
#define BACKEND_REMOTE_AIO_INFO_H

#include "backend/remote/aio_job.h"

/* What GET /v1/sandbox says; parts that cost more are read in the container. */
int aio_info(struct sandbox *sb, struct call *call, unsigned include, struct sandbox_info *res,
             struct err *err) MUST_CHECK;

#endif
