#include "backend/browser/state.h"

#include <stdlib.h>
#include <string.h>

/* Nothing is to be decided about these. */
static bool answers_itself(const char *type)
{
    return !strcmp(type, "alert") || !strcmp(type, "beforeunload");
}

static int answer_json(struct buf *out, bool accept, const char *text, struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kbool(&w, "accept", accept);
    if (text)
        jw_kstr(&w, "promptText", text);
    jw_end(&w);
    return jw_done(&w);
}

/* By itself, or by the standing rule; false: somebody has to. */
static bool answer_at_once(struct browser *b, struct session *s, const char *type,
                           const char *message)
{
    AUTO(buf) struct buf params = BUF_MAX(64 * 1024);
    struct page *page = s->page;
    bool ruled =
        page->dialog_rule == PAGE_DIALOG_ACCEPT || page->dialog_rule == PAGE_DIALOG_DISMISS;
    bool accept = page->dialog_rule != PAGE_DIALOG_DISMISS;

    if (!ruled && (page->dialog_rule == PAGE_DIALOG_ASK || !answers_itself(type)))
        return false;
    if (answer_json(&params, accept, ruled ? page->dialog_text : NULL, NULL))
        return false;
    page_add_event(page, type, "%.400s%s", message,
                   !ruled   ? ""
                   : accept ? " (accepted, by the rule)"
                            : " (dismissed, by the rule)");
    browser_post(b, s->id, "Page.handleJavaScriptDialog", params.data);
    return true;
}

static void opening(struct browser *b, struct session *s, yyjson_val *params)
{
    const char *type = json_str(params, "type"), *message = json_str(params, "message");
    struct page *page = s->page;

    if (!type || !message || answer_at_once(b, s, type, message))
        return;
    page->dialogs++;
    COPY(page->dialog_session, s->id);
    COPY(page->dialog_type, type);
    COPY(page->dialog_message, message);
    page_halt(page);
}

static void closed(struct browser *b UNUSED, struct session *s, yyjson_val *params UNUSED)
{
    *s->page->dialog_type = '\0';
    page_halt(s->page);
}

static void exception(struct browser *b UNUSED, struct session *s, yyjson_val *params UNUSED)
{
    s->page->console_errors++;
}

static void console(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    const char *type = json_str(params, "type");

    if (type && (!strcmp(type, "error") || !strcmp(type, "assert")))
        s->page->console_errors++;
}

const struct page_event_row page_events[] = {
    { "Page.javascriptDialogOpening", opening },
    { "Page.javascriptDialogClosed", closed },
    { "Runtime.exceptionThrown", exception },
    { "Runtime.consoleAPICalled", console },
    { NULL, NULL },
};

static int no_dialog(struct page *page, struct err *err)
{
    err_set(err, ERR_NOT_FOUND, "no dialog is open on %s", page->id);
    return err_next(err,
                    "look at the page with browser_snapshot; action rule is for those to come");
}

int page_dialog(struct page *page, bool accept, const char *text, struct call *call,
                struct page_info *out, struct err *err)
{
    char session[PAGE_FRAME_ID];
    AUTO(buf) struct buf params = BUF_MAX(64 * 1024);
    AUTO_FREE struct page_info *info = calloc(1, sizeof(*info));

    if (!info)
        return err_oom(err);
    page_info(page, info);
    pthread_mutex_lock(&page->browser->lock);
    COPY(session, page->dialog_session);
    uint64_t which = page->dialogs;
    pthread_mutex_unlock(&page->browser->lock);
    if (!info->dialog)
        return no_dialog(page, err);
    if (answer_json(&params, accept, text, err) ||
        cdp_call(page->browser->cdp, session, "Page.handleJavaScriptDialog", params.data, 0, call,
                 NULL, err))
        return -1;
    pthread_mutex_lock(&page->browser->lock);
    if (page->dialogs == which) { /* and not the next one, which is open by now */
        *page->dialog_type = '\0';
        page_halt(page);
    }
    pthread_mutex_unlock(&page->browser->lock);
    if (out)
        *out = *info;
    return 0;
}

int page_dialog_rule(struct page *page, enum page_dialog_rule rule, const char *text,
                     struct err *err)
{
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy)
        return err_oom(err);
    pthread_mutex_lock(&page->browser->lock);
    free(page->dialog_text);
    page->dialog_text = copy;
    page->dialog_rule = rule;
    pthread_mutex_unlock(&page->browser->lock);
    return 0;
}
