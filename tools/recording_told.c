#include "tools/recording_told.h"
#include "backend/browser/snapshot_refs.h"
#include "base/clock.h"
#include "tools/recording_tap.h"

#include <stdio.h>
#include <string.h>

/* ---- a call begins ---- */

static yyjson_doc *copy(yyjson_val *arguments)
{
    size_t len = 0;
    char *text = yyjson_is_obj(arguments) ? yyjson_val_write(arguments, 0, &len) : strdup("{}");
    yyjson_doc *doc = NULL;

    if (text && len <= TOLD_ARGUMENTS_MAX)
        doc = yyjson_read(text, strlen(text), 0);
    free(text);
    return doc;
}

static void began(struct tool_call *call, yyjson_val *arguments)
{
    const struct tools_context *ctx = call->context;
    struct told *t;

    call->told = NULL;
    if (!ctx->recordings ||
        !atomic_load_explicit(&ctx->recordings->running, memory_order_relaxed) ||
        !strcmp(call->def->toolset, "recording"))
        return;
    t = calloc(1, sizeof(*t));
    if (!t)
        return;
    t->arguments = copy(arguments);
    t->began_ms = clock_ms();
    call->told = t;
}

static void told_free(struct told *t)
{
    for (size_t i = 0; i < t->ref_count; i++)
        free(t->refs[i].selector);
    yyjson_doc_free(t->arguments);
    free(t);
}

/* The selector ends the name at a quotation mark, so that it is cut there. */
static char *selector(const char *role, const char *name)
{
    char *made = NULL;
    int n;

    if (!*role)
        return NULL;
    n = *name && !strpbrk(name, "\"\\") ? asprintf(&made, "role=%s[name=\"%s\"]", role, name)
                                        : asprintf(&made, "role=%s", role);
    return n < 0 ? NULL : made;
}

void recording_note_ref(struct tool_call *call, struct page *page, const char *text)
{
    struct told *t = call->told;
    char role[24], name[REFS_NAME_MAX];
    struct ref ref;

    if (!t || t->ref_count == TOLD_REFS_MAX || strlen(text) >= sizeof(t->refs[0].ref) ||
        !ref_parse(text, &ref, NULL) || !refs_recall(page, &ref, role, name))
        return;
    t->refs[t->ref_count].selector = selector(role, name);
    if (t->refs[t->ref_count].selector)
        snprintf(t->refs[t->ref_count++].ref, sizeof(t->refs[0].ref), "%s", text);
}

/* ---- it ends ---- */

static const char *argument(const struct told *t, const char *name)
{
    const char *value = json_str(yyjson_doc_get_root(t->arguments), name);

    return value ? value : "";
}

/* Whether the call is at what the recording records. */
static bool concerns(const struct recording *r, const struct tool_call *call, const struct told *t)
{
    const char *source = r->meta.source, *tool = call->def->name;
    bool command = !strncmp(tool, "terminal_", 9) || !strncmp(tool, "code_", 5);
    bool page = !strcmp(source, call->origin.page);

    switch (r->kind->id) {
    case RECORDING_TERMINAL:
        return command && (!*source || !strcmp(source, argument(t, "session_id")) ||
                           !strcmp(source, argument(t, "context_id")));
    case RECORDING_ACTIONS:
        return !*source || page;
    case RECORDING_HAR:
        return *call->origin.page && (!*source || page);
    case RECORDING_VIDEO:
        return page;
    }
    return false;
}

static void ended(struct tool_call *call, const struct err *failed)
{
    struct recordings *all = ((struct tools_context *)call->context)->recordings;
    struct recording *running[RECORDINGS_RUNNING_MAX];
    struct told *t = TAKE(call->told);
    size_t n;

    if (!t)
        return;
    n = failed && failed->code == ERR_INPUT
            ? 0
            : recordings_of(all, call->principal, call->origin.sandbox, running);
    for (size_t i = 0; i < n; i++) {
        if (concerns(running[i], call, t)) {
            if (failed)
                atomic_fetch_add(&running[i]->failures, 1);
            if (running[i]->kind->id == RECORDING_ACTIONS)
                recording_add_action(running[i], call, t, failed);
        }
        recording_unref(running[i]);
    }
    told_free(t);
}

const struct tool_tap recordings_tap = { .began = began, .ended = ended };
