#include "mcp/complete.h"

#include <string.h>

int complete_add(struct completion *out, const char *value, struct err *err)
{
    struct jw w = JW(&out->values, err);

    if (out->count == COMPLETE_MAX) {
        out->has_more = true;
        return 0;
    }
    w.comma = out->count > 0;
    jw_str(&w, value);
    out->count++;
    return jw_done(&w);
}

int complete_choices(struct completion *out, const char *const *choices, const char *typed,
                     struct err *err)
{
    int64_t total = 0;

    for (; *choices; choices++) {
        if (strncmp(*choices, typed, strlen(typed)) != 0)
            continue;
        total++;
        if (complete_add(out, *choices, err))
            return -1;
    }
    out->total = total;
    return 0;
}
