#include "backend/browser/har_redact.h"
#include "base/clock.h"
#include "base/io.h"
#include "tools.gen.h"
#include "tools/recording_told.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MASK "[masked]"  /* cli/replay.c knows it */
#define CREDENTIAL_MIN 8 /* bytes of one */
#define SERVE_MS 1000
#define TICKET "tkt_" /* no handle: it opens something to everybody */

/* ---- arguments without secrets ---- */

static bool mentions_secret(const char *text)
{
    static const char *const words[] = { "passw", "passphrase", "secret",
                                         "token", "pin code",   "one-time",
                                         "cvc",   "cvv",        "card number" };

    for (size_t i = 0; text && i < COUNT_OF(words); i++)
        if (strcasestr(text, words[i]))
            return true;
    return false;
}

static const char *plain_target(const struct told *t, const char *text)
{
    for (size_t i = 0; i < t->ref_count; i++)
        if (!strcmp(t->refs[i].ref, text))
            return t->refs[i].selector;
    return text;
}

/* What is typed into a field that is named like one of a secret. */
static bool is_typed_secret(const struct told *t, yyjson_val *object, const char *key)
{
    static const char *const places[] = { "target", "name", "header", "label", "key" };
    const char *value;

    if (strcmp(key, "text") != 0 && strcmp(key, "value") != 0 && strcmp(key, "values") != 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        value = json_str(object, places[i]);
        value = value ? plain_target(t, value) : NULL;
        if (value && (mentions_secret(value) || redact_is_secret(value, strlen(value))))
            return true;
    }
    return false;
}

static bool is_credential(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("+/=._~-", c));
}

/* "Authorization: Bearer ..." in a command, a script or a text. */
static int mask_credentials(struct buf *out, const char *text)
{
    static const char *const schemes[] = { "bearer ", "basic " };
    const char *p = text;

    while (*p) {
        size_t scheme = 0, n = 0;
        for (size_t i = 0; i < COUNT_OF(schemes) && !scheme; i++)
            if (!strncasecmp(p, schemes[i], strlen(schemes[i])))
                scheme = strlen(schemes[i]);
        while (scheme && is_credential(p[scheme + n]))
            n++;
        if (n < CREDENTIAL_MIN)
            scheme = 1, n = 0;
        if (buf_add(out, p, scheme, NULL) || (n && buf_adds(out, MASK, NULL)))
            return -1;
        p += scheme + n;
    }
    return 0;
}

static void put_string(struct jw *w, const struct told *t, const char *key, const char *text)
{
    AUTO(buf) struct buf made = BUF_MAX(2 * TOLD_ARGUMENTS_MAX);
    const char *plain = plain_target(t, text);
    bool is_url = key && !strcmp(key, "url");

    if (is_url ? redact_url(&made, text, MASK, NULL) : mask_credentials(&made, plain))
        jw_str(w, MASK);
    else
        jw_str(w, buf_str(&made));
}

/* A tool's own parameters ("code", "session_id") are no secrets but by their plain names. */
static bool is_secret(const struct told *t, yyjson_val *object, const char *key, int depth)
{
    return mentions_secret(key) || is_typed_secret(t, object, key) ||
           (depth && redact_is_secret(key, strlen(key)));
}

static void put(struct jw *w, const struct told *t, const char *key, yyjson_val *v, int depth)
{
    bool cookies = key && !strcmp(key, "cookies");
    yyjson_val *name, *one;
    size_t i, max;

    if (yyjson_is_str(v)) {
        put_string(w, t, key, yyjson_get_str(v));
    } else if (yyjson_is_arr(v)) {
        jw_arr(w);
        yyjson_arr_foreach (v, i, max, one) {
            put(w, t, key, one, depth + 1);
        }
        jw_aend(w);
    } else if (yyjson_is_obj(v)) {
        jw_obj(w);
        yyjson_obj_foreach (v, i, max, name, one) {
            const char *inner = yyjson_get_str(name);
            jw_key(w, inner);
            if (is_secret(t, v, inner, depth) || (cookies && !strcmp(inner, "value")))
                jw_str(w, MASK);
            else
                put(w, t, inner, one, depth + 1);
        }
        jw_end(w);
    } else {
        jw_val(w, v);
    }
}

void told_arguments(struct jw *w, const struct told *t)
{
    put(w, t, NULL, yyjson_doc_get_root(t->arguments), 0);
}

/* ---- results ---- */

static bool is_fact(const char *key)
{
    static const char *const facts[] = { "exit_code", "status", "url", "title" };

    for (size_t i = 0; i < COUNT_OF(facts); i++)
        if (!strcmp(facts[i], key))
            return true;
    return false;
}

static void add_facts(struct jw *w, const char *open, const struct buf *members, const char *close)
{
    static const char prefix[] = "sandbox-mcp/";
    AUTO(buf) struct buf text = BUF_MAX(TOOL_RESULT_MAX);
    AUTO_JSON yyjson_doc *doc = NULL;
    yyjson_val *name, *one;
    size_t i, max;

    if (!members->len || buf_adds(&text, open, NULL) ||
        buf_add(&text, members->data, members->len, NULL) || buf_adds(&text, close, NULL))
        return;
    doc = json_parse(text.data, text.len, NULL);
    yyjson_obj_foreach (yyjson_doc_get_root(doc), i, max, name, one) {
        const char *key = yyjson_get_str(name);
        if (!strncmp(key, prefix, sizeof(prefix) - 1))
            key += sizeof(prefix) - 1;
        if (!is_fact(key) || yyjson_is_ctn(one))
            continue;
        jw_key(w, key);
        if (yyjson_is_str(one) && !strcmp(key, "url")) {
            AUTO(buf) struct buf url = BUF_MAX(TOLD_ARGUMENTS_MAX);
            jw_str(w, redact_url(&url, yyjson_get_str(one), MASK, NULL) ? "" : buf_str(&url));
        } else {
            jw_val(w, one);
        }
    }
}

void told_facts(struct jw *w, const struct tool_call *call)
{
    jw_obj(w);
    if (call->structured.len)
        add_facts(w, "", &call->structured, "");
    else
        add_facts(w, "{", &call->meta, "}");
    jw_end(w);
}

void told_ids(struct jw *w, const char *text, size_t len)
{
    const char *end = text + len, *seen[TOLD_IDS_MAX];
    size_t count = 0;

    jw_arr(w);
    for (const char *p = text; p < end && count < TOLD_IDS_MAX; p++) {
        size_t n = id_at(text, (size_t)(p - text), len);
        bool known = false;
        for (size_t i = 0; n && i < count; i++)
            known |= !strncmp(seen[i], p, n);
        if (n && !known && strncmp(p, TICKET, sizeof(TICKET) - 1) != 0) {
            seen[count++] = p;
            jw_strn(w, p, n);
        }
        p += n ? n - 1 : 0;
    }
    jw_aend(w);
}

/* ---- lines ---- */

static void write_line(struct recording *r, struct jw *w)
{
    if (!jw_done(w) && !buf_addc(w->out, '\n', NULL) &&
        !io_write_all(r->file.data_fd, w->out->data, w->out->len))
        r->meta.frames++;
}

void recording_add_action(struct recording *r, const struct tool_call *call, const struct told *t,
                          const struct err *failed)
{
    AUTO(buf) struct buf line = BUF_MAX(TOLD_LINE_MAX);
    struct jw w = JW(&line, NULL);

    pthread_mutex_lock(&r->lock);
    if (r->over || r->paused_ms) {
        pthread_mutex_unlock(&r->lock);
        return;
    }
    jw_obj(&w);
    jw_knum(&w, "at_s", (double)recording_at(r) / 1000);
    jw_kstr(&w, "tool", call->def->name);
    jw_key(&w, "arguments");
    told_arguments(&w, t);
    jw_kstr(&w, "outcome", failed ? err_code_name(failed->code) : "ok");
    jw_kint(&w, "ms", clock_ms() - t->began_ms);
    if (!failed) { /* what an error says may hold anything */
        jw_key(&w, "facts");
        told_facts(&w, call);
    }
    jw_key(&w, "ids");
    if (call->structured.len)
        told_ids(&w, call->structured.data, call->structured.len);
    else
        told_ids(&w, buf_str(&call->content), call->content.len);
    jw_end(&w);
    write_line(r, &w);
    pthread_mutex_unlock(&r->lock);
}

void recording_actions_mark(struct recording *r, const char *title)
{
    AUTO(buf) struct buf line = BUF_MAX(4096);
    struct jw w = JW(&line, NULL);

    jw_obj(&w);
    jw_knum(&w, "at_s", (double)recording_at(r) / 1000);
    jw_kstr(&w, "mark", title);
    jw_end(&w);
    write_line(r, &w);
}

/* ---- the kind ---- */

static int64_t serve(struct recording *r UNUSED, int64_t at_ms UNUSED, const char **why UNUSED)
{
    return SERVE_MS;
}

static int finish(struct recording *r UNUSED, int64_t at_ms UNUSED, struct err *err UNUSED)
{
    return 0;
}

static void release(struct recording *r UNUSED)
{
}

static const struct recording_kind kind = {
    .id = RECORDING_ACTIONS,
    .serve = serve,
    .finish = finish,
    .release = release,
};

int recording_start_actions(struct tool_call *call, const struct recording_start_args *args,
                            struct recording_meta *meta, struct recording **out, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO_PTR(recording) struct recording *r = NULL;
    AUTO(buf) struct buf line = BUF_MAX(4096);
    struct jw w = JW(&line, err);
    char when[CLOCK_ISO_SIZE];

    if (tools_sandbox(call, &sb, err))
        return -1;
    snprintf(meta->source, sizeof(meta->source), "%s", args->source ? args->source : "");
    snprintf(meta->sandbox, sizeof(meta->sandbox), "%s", sb->id);
    if (recording_make(call, &kind, meta, tools_ms((double)args->max_s), &r, err))
        return -1;
    jw_obj(&w);
    jw_kint(&w, "sandbox_mcp_actions", 1);
    jw_kstr(&w, "name", r->meta.name);
    jw_kstr(&w, "started_at", clock_iso(r->meta.started_ms, when));
    jw_end(&w);
    write_line(r, &w);
    if (!r->meta.frames) {
        recording_cancel(TAKE(r));
        return err_set(err, ERR_UNAVAILABLE, "the recording cannot be written");
    }
    r->meta.frames = 0;
    recording_run(r);
    *out = TAKE(r);
    return 0;
}
