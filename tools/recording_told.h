/*
 * A tool call as recordings of actions write it.
 */
#ifndef TOOLS_RECORDING_TOLD_H
#define TOOLS_RECORDING_TOLD_H

#include "tools/recording.h"

#define TOLD_ARGUMENTS_MAX (256 * 1024) /* bytes; a call with more is written without them */
#define TOLD_REFS_MAX 64                /* refs of one call that are written as selectors */
#define TOLD_LINE_MAX (512 * 1024)
#define TOLD_IDS_MAX 64 /* handles in one answer */

struct told {
    yyjson_doc *arguments; /* owned; NULL: too many */
    int64_t began_ms;      /* monotonic */
    struct {
        char ref[24];
        char *selector; /* owned */
    } refs[TOLD_REFS_MAX];
    size_t ref_count;
};

/*
 * The arguments as one JSON object: values of secrets (by the names of the members, of headers, of
 * the target) are "[masked]", refs are selectors.
 */
void told_arguments(struct jw *w, const struct told *t);

/* What can be compared when it is done again: exit_code, status, url, title of the result. */
void told_facts(struct jw *w, const struct tool_call *call);

/* The handles ("page_...") in the answer, in their order, each once. */
void told_ids(struct jw *w, const char *text, size_t len);

/* The action's line in a recording of actions. */
void recording_add_action(struct recording *r, const struct tool_call *call, const struct told *t,
                          const struct err *failed);

#endif
