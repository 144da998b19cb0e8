#include "backend/browser/console.h"
#include "backend/browser/state.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct console_message m; /* its strings are of `block` */
    size_t len;
    char block[]; /* text, url, stack, each with its NUL */
};

struct console {
    struct entry *ring[CONSOLE_MAX];
    size_t first, count, bytes;
    uint64_t made, dropped, counts[CONSOLE_LEVELS];
};

const char *const console_levels[CONSOLE_LEVELS] = { "error", "warning", "info", "debug" };

void console_free(struct console *c)
{
    for (size_t i = 0; c && i < c->count; i++)
        free(c->ring[(c->first + i) % CONSOLE_MAX]);
    free(c);
}

/* ---- adding ---- */

static void drop_oldest(struct console *c)
{
    struct entry *e = c->ring[c->first];

    c->bytes -= e->len;
    free(e);
    c->first = (c->first + 1) % CONSOLE_MAX;
    c->count--;
    c->dropped++;
}

static bool is_same(const struct entry *a, const struct console_message *b)
{
    return a->m.level == b->level && a->m.line == b->line && !strcmp(a->m.text, b->text) &&
           !strcmp(a->m.url, b->url);
}

static const char *put(struct entry *e, const char *text)
{
    char *at = e->block + e->len;
    size_t n = strlen(text) + 1;

    memcpy(at, text, n);
    e->len += n;
    return at;
}

static struct entry *entry_new(const struct console_message *m)
{
    size_t size = strlen(m->text) + strlen(m->url) + strlen(m->stack) + 3;
    struct entry *e = malloc(sizeof(*e) + size);

    if (!e)
        return NULL;
    e->m = *m;
    e->len = 0;
    e->m.text = put(e, m->text);
    e->m.url = put(e, m->url);
    e->m.stack = put(e, m->stack);
    return e;
}

static void add(struct page *page, struct console_message *m)
{
    struct console *c = page->console;

    if (!c && !(c = page->console = calloc(1, sizeof(*c))))
        return;
    c->counts[m->level]++;
    struct entry *last = c->count ? c->ring[(c->first + c->count - 1) % CONSOLE_MAX] : NULL;
    if (last && is_same(last, m)) {
        last->m.repeated++;
        return;
    }
    m->id = ++c->made;
    struct entry *e = entry_new(m);
    if (!e)
        return;
    while (c->count && (c->count == CONSOLE_MAX || c->bytes + e->len > CONSOLE_BYTES))
        drop_oldest(c);
    c->ring[(c->first + c->count++) % CONSOLE_MAX] = e;
    c->bytes += e->len;
}

/* ---- what an event says ---- */

/* Cut where the buffer ends. */
static void say(struct buf *out, const char *text)
{
    size_t len = text ? strlen(text) : 0, room = out->max > out->len ? out->max - out->len : 0;

    if (len > room)
        len = room;
    (void)!buf_add(out, text, len, NULL);
}

static void say_preview(struct buf *out, yyjson_val *preview)
{
    yyjson_val *all = yyjson_obj_get(preview, "properties"), *one;
    const char *subtype = json_str(preview, "subtype");
    bool list = subtype && !strcmp(subtype, "array");
    size_t i, n;

    say(out, list ? "[" : "{");
    yyjson_arr_foreach (all, i, n, one) {
        const char *type = json_str(one, "type");
        bool quoted = type && !strcmp(type, "string");
        say(out, i ? ", " : "");
        if (!list) {
            say(out, json_str(one, "name"));
            say(out, ": ");
        }
        say(out, quoted ? "\"" : "");
        say(out, json_str(one, "value"));
        say(out, quoted ? "\"" : "");
    }
    if (json_bool(preview, "overflow", false))
        say(out, ", ...");
    say(out, list ? "]" : "}");
}

static void say_value(struct buf *out, yyjson_val *remote)
{
    yyjson_val *value = yyjson_obj_get(remote, "value"), *preview;
    const char *text = json_str(remote, "value"), *subtype = json_str(remote, "subtype");

    preview = yyjson_obj_get(remote, "preview");
    if (text)
        say(out, text);
    else if (preview && !(subtype && !strcmp(subtype, "error")))
        say_preview(out, preview);
    else if (json_str(remote, "description"))
        say(out, json_str(remote, "description"));
    else if (yyjson_is_bool(value))
        say(out, yyjson_get_bool(value) ? "true" : "false");
    else if (json_str(remote, "unserializableValue"))
        say(out, json_str(remote, "unserializableValue"));
    else
        say(out, yyjson_is_null(value) ? "null" : "undefined");
}

/* console.log("%s has %d", ...): how many of the arguments behind the first were used. */
static size_t say_format(struct buf *out, const char *format, yyjson_val *args)
{
    size_t used = 0, total = yyjson_arr_size(args) - 1;

    for (const char *at = format; *at;) {
        size_t plain = strcspn(at, "%");
        if (plain > out->max - out->len)
            break;
        (void)!buf_add(out, at, plain, NULL);
        at += plain;
        if (!*at)
            break;
        if (at[1] && strchr("sdifoOc", at[1]) && used < total) {
            used++;
            if (at[1] != 'c')
                say_value(out, yyjson_arr_get(args, used));
            at += 2;
        } else {
            say(out, "%");
            at += at[1] == '%' ? 2 : 1;
        }
    }
    return used;
}

static void say_args(struct buf *out, yyjson_val *args)
{
    const char *format = json_str(yyjson_arr_get_first(args), "value");
    size_t n = yyjson_arr_size(args), i = 0;

    if (format)
        i = 1 + say_format(out, format, args);
    for (; i < n; i++) {
        say(out, out->len ? " " : "");
        say_value(out, yyjson_arr_get(args, i));
    }
}

static void say_stack(struct buf *out, yyjson_val *trace)
{
    yyjson_val *frames = yyjson_obj_get(trace, "callFrames"), *one;
    size_t i, n;

    yyjson_arr_foreach (frames, i, n, one) {
        const char *name = json_str(one, "functionName");
        char where[64];
        if (i == CONSOLE_FRAMES)
            break;
        snprintf(where, sizeof(where), ":%lld)\n", (long long)json_int(one, "lineNumber", 0) + 1);
        say(out, "at ");
        say(out, name && *name ? name : "(anonymous)");
        say(out, " (");
        say(out, json_str(one, "url"));
        say(out, where);
    }
}

static const char *finish(struct buf *b)
{
    if (!b->len)
        return "";
    if (b->len == b->max) {
        b->len -= 4;
        while (b->len && ((unsigned char)b->data[b->len] & 0xc0) == 0x80)
            b->len--;
        (void)!buf_adds(b, "...", NULL);
    }
    return b->data;
}

static enum console_level level_of(const char *type)
{
    static const struct {
        const char *type;
        enum console_level level;
    } rows[] = {
        { "error", CONSOLE_ERROR },   { "assert", CONSOLE_ERROR }, { "warning", CONSOLE_WARNING },
        { "verbose", CONSOLE_DEBUG }, { "debug", CONSOLE_DEBUG },
    };

    for (size_t i = 0; type && i < COUNT_OF(rows); i++)
        if (!strcmp(rows[i].type, type))
            return rows[i].level;
    return CONSOLE_INFO;
}

struct said {
    struct buf text, stack;
};

static struct said said_new(void)
{
    return (struct said){ .text = BUF_MAX(CONSOLE_TEXT_MAX), .stack = BUF_MAX(CONSOLE_TEXT_MAX) };
}

/* where: an object with url and lineNumber from 0. */
static void keep(struct session *s, struct said *said, enum console_level level, yyjson_val *where,
                 double time_ms)
{
    const char *url = json_str(where, "url");
    int64_t line = json_int(where, "lineNumber", -1);
    struct console_message m = {
        .level = level,
        .time_ms = (int64_t)time_ms,
        .line = line >= 0 ? line + 1 : 0,
        .text = finish(&said->text),
        .stack = finish(&said->stack),
    };
    char cut[BROWSER_URL_MAX];

    COPY(cut, url);
    m.url = cut;
    add(s->page, &m);
    buf_done(&said->text);
    buf_done(&said->stack);
}

static double timestamp(yyjson_val *of)
{
    return yyjson_get_num(yyjson_obj_get(of, "timestamp"));
}

static void printed(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    yyjson_val *trace = yyjson_obj_get(params, "stackTrace");
    const char *type = json_str(params, "type");
    struct said said = said_new();

    say_args(&said.text, yyjson_obj_get(params, "args"));
    say_stack(&said.stack, trace);
    keep(s, &said, level_of(type), yyjson_arr_get_first(yyjson_obj_get(trace, "callFrames")),
         timestamp(params));
}

static void threw(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    yyjson_val *details = yyjson_obj_get(params, "exceptionDetails");
    const char *text = json_str(yyjson_obj_get(details, "exception"), "description");
    struct said said = said_new();

    say(&said.text, "Uncaught ");
    say(&said.text, text ? text : json_str(details, "text"));
    say_stack(&said.stack, yyjson_obj_get(details, "stackTrace"));
    keep(s, &said, CONSOLE_ERROR, details, timestamp(params));
}

static void logged(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    yyjson_val *entry = yyjson_obj_get(params, "entry");
    struct said said = said_new();

    if (request_was_icon(s->page, json_str(entry, "networkRequestId")))
        return;
    say(&said.text, json_str(entry, "text"));
    say_stack(&said.stack, yyjson_obj_get(entry, "stackTrace"));
    keep(s, &said, level_of(json_str(entry, "level")), entry, timestamp(entry));
}

const struct page_event_row console_events[] = {
    { "Runtime.consoleAPICalled", printed },
    { "Runtime.exceptionThrown", threw },
    { "Log.entryAdded", logged },
    { NULL, NULL },
};

/* ---- reading ---- */

void console_list_done(struct console_list *l)
{
    free(l->messages);
    free(l->strings);
}

/* Locked. */
static void copy_all(const struct console *c, struct console_list *out)
{
    char *at = out->strings;

    for (size_t i = 0; i < c->count; i++) {
        const struct entry *e = c->ring[(c->first + i) % CONSOLE_MAX];
        struct console_message *m = &out->messages[i];
        *m = e->m;
        memcpy(at, e->block, e->len);
        m->text = at;
        m->url = at + (e->m.url - e->block);
        m->stack = at + (e->m.stack - e->block);
        at += e->len;
    }
    out->count = c->count;
    out->dropped = c->dropped;
    memcpy(out->counts, c->counts, sizeof(out->counts));
}

int console_list(struct page *page, struct console_list *out, struct err *err)
{
    struct browser *b = page->browser;
    bool failed = false;

    pthread_mutex_lock(&b->lock);
    const struct console *c = page->console;
    if (c && c->count) {
        out->messages = calloc(c->count, sizeof(*out->messages));
        out->strings = malloc(c->bytes);
        failed = !out->messages || !out->strings;
        if (!failed)
            copy_all(c, out);
    }
    pthread_mutex_unlock(&b->lock);
    return failed ? err_oom(err) : 0;
}
