/*
 * scripts/choose.js, asked from C.
 */
#ifndef BACKEND_BROWSER_CHOOSE_H
#define BACKEND_BROWSER_CHOOSE_H

#include "backend/browser/element.h"

/* Its answer to that question, of `reply`. */
int choose_ask(struct element *e, const char *ask, const char *const *values, size_t count,
               struct call *call, struct cdp_reply *reply, yyjson_val **answer,
               struct err *err) MUST_CHECK;

/* Its answer is an element: as a target, which borrows from e. ERR_STALE: there is none now. */
int choose_node(struct element *e, const char *ask, const char *value, struct call *call,
                struct input_target *out, struct err *err) MUST_CHECK;

#endif
