#include "tools/resources.h"

#include <stdio.h>

int resources_link_output(struct tool_call *call, const struct sandbox *sb,
                          const struct exec_result *r, struct err *err)
{
    char uri[128], name[64];

    if (!r->process_id[0] || !(r->out.omitted || r->errs.omitted))
        return 0;
    snprintf(uri, sizeof(uri), "sandbox://%s/output/%s", sb->id, r->process_id);
    snprintf(name, sizeof(name), "output of %s", r->process_id);
    return tool_link(call, uri, name, "text/plain", (int64_t)(r->out.total + r->errs.total), err);
}
