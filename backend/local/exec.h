/*
 * Parts of exec.c that sessions use too.
 */
#ifndef BACKEND_LOCAL_EXEC_H
#define BACKEND_LOCAL_EXEC_H

#include "backend/local/local.h"

#define EXEC_ENV_MAX (24 * 1024)

/*
 * Put command, cwd (NULL: not set) and environment into a frame that was begun. A command
 * longer than WIRE_INLINE_MAX goes to *command_fd (a memfd, else -1), which is to be sent as
 * descriptor number `index` of the frame it belongs to.
 */
int exec_put_request(struct agent *a, struct wire_out *w, const struct exec_request *req,
                     const char *cwd, unsigned index, int *command_fd, struct err *err) MUST_CHECK;

/* kill.c */
int local_kill(struct sandbox *base, struct call *call, const struct kill_request *req,
               struct kill_result *res, struct err *err) MUST_CHECK;

#endif
