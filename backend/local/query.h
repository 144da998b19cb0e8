/*
 * Facts that the agent reads back from the kernel inside the sandbox (WIRE_QUERY).
 */
#ifndef BACKEND_LOCAL_QUERY_H
#define BACKEND_LOCAL_QUERY_H

#include "backend/local/local.h"

#define QUERY_MAX (1024 * 1024)
#define QUERY_MS 10000

/* "name" -> "value", in the agent's order; names repeat ("mount", "process"). */
struct query {
    struct name_value *facts;
    size_t count, cap;
};

int query_run(struct agent *a, struct call *call, struct query *out, struct err *err) MUST_CHECK;
/* The same with a request of its own: TAG_DETAIL of backend/wire.h. */
int query_ask(struct agent *a, struct call *call, struct wire_out *start, struct query *out,
              struct err *err) MUST_CHECK;
void query_done(struct query *q);

/* The first value of that name, "" when there is none. */
const char *query_get(const struct query *q, const char *name);

#endif
