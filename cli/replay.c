#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/message.h"

#include <stdio.h>
#include <string.h>

#define FILE_MAX (64 * 1024 * 1024)
#define ARGUMENTS_MAX (2 * 1024 * 1024)
#define IDS_MAX 4096 /* handles that are known by another name now */
#define MASK "[masked]"

/* The handles of the recording, and what they are called this time. */
struct ids {
    struct {
        char then[ID_SIZE], now[ID_SIZE];
    } rows[IDS_MAX];
    size_t count;
};

struct replay {
    struct server *server;
    const char *sandbox;
    struct ids ids;
    unsigned line, calls;
};

static const char *known_as(const struct ids *ids, const char *then, size_t len)
{
    for (size_t i = ids->count; i--;)
        if (strlen(ids->rows[i].then) == len && !memcmp(ids->rows[i].then, then, len))
            return ids->rows[i].now;
    return NULL;
}

/* The text with every handle of the recording as it is called now. */
static int translate(const struct ids *ids, const char *text, struct buf *out, struct err *err)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len;) {
        size_t n = id_at(text, i, len);
        const char *now = n ? known_as(ids, text + i, n) : NULL;
        if (now ? buf_adds(out, now, err) : buf_add(out, text + i, n ? n : 1, err))
            return -1;
        i += n ? n : 1;
    }
    return 0;
}

/* ---- what came of a call ---- */

static const char *first_text(yyjson_val *result)
{
    const char *text = json_str(yyjson_arr_get_first(yyjson_obj_get(result, "content")), "text");

    return text ? text : "";
}

/* "ok", or the code that the text of an error begins with. */
static void outcome_of(yyjson_val *result, char out[32])
{
    const char *text = first_text(result);
    size_t n = strcspn(text, ":");

    if (!json_bool(result, "isError", false))
        snprintf(out, 32, "ok");
    else
        snprintf(out, 32, "%.*s", n < 31 ? (int)n : 31, text);
}

static yyjson_val *fact(yyjson_val *result, const char *name)
{
    yyjson_val *v = yyjson_obj_get(yyjson_obj_get(result, "structuredContent"), name);
    char key[64];

    snprintf(key, sizeof(key), "sandbox-mcp/%s", name);
    return v ? v : yyjson_obj_get(yyjson_obj_get(result, "_meta"), key);
}

/* Handles are paired in their order, as far as both have them. */
static void learn(struct ids *ids, yyjson_val *then, yyjson_val *result)
{
    yyjson_val *from = yyjson_obj_get(result, "structuredContent");
    size_t len = 0, at = 0, rows = ids->count;
    AUTO_FREE char *text =
        yyjson_val_write(from ? from : yyjson_obj_get(result, "content"), 0, &len);
    yyjson_val *old;
    size_t i, max;

    yyjson_arr_foreach (then, i, max, old) {
        char now[ID_SIZE] = "";
        while (text && at < len && !*now) {
            size_t n = id_at(text, at, len);
            bool seen = n >= ID_SIZE;
            for (size_t k = rows; n && k < ids->count; k++)
                seen |= !strncmp(ids->rows[k].now, text + at, n);
            if (n && !seen)
                snprintf(now, sizeof(now), "%.*s", (int)n, text + at);
            at += n ? n : 1;
        }
        if (!*now || ids->count == IDS_MAX || !yyjson_is_str(old) || yyjson_get_len(old) >= ID_SIZE)
            return;
        snprintf(ids->rows[ids->count].then, ID_SIZE, "%s", yyjson_get_str(old));
        snprintf(ids->rows[ids->count++].now, ID_SIZE, "%s", now);
    }
}

/* ---- differences ---- */

static void say(const char *text)
{
    AUTO(buf) struct buf clean = BUF_MAX(16384);

    if (!text_add_plain(&clean, text, strlen(text) < 500 ? strlen(text) : 500, NULL, NULL))
        fputs(buf_str(&clean), stdout);
}

static int differs(const struct replay *r, const char *what, const char *then, const char *now)
{
    printf("line %u: %s was ", r->line, what);
    say(then);
    fputs(", now ", stdout);
    say(now);
    putchar('\n');
    return 1;
}

static void value_text(const struct replay *r, yyjson_val *v, struct buf *out)
{
    AUTO_FREE char *text = yyjson_val_write(v, 0, NULL);

    if (translate(&r->ids, text ? text : "nothing", out, NULL))
        buf_clear(out);
}

static int compare_facts(const struct replay *r, yyjson_val *then, yyjson_val *result)
{
    yyjson_val *name, *was;
    size_t i, max;

    yyjson_obj_foreach (then, i, max, name, was) {
        AUTO(buf) struct buf before = BUF_MAX(65536), after = BUF_MAX(65536);
        const char *key = yyjson_get_str(name) ?: "";
        yyjson_val *is = fact(result, key);
        value_text(r, was, &before);
        value_text(r, is, &after);
        if (!strstr(buf_str(&before), MASK) && strcmp(buf_str(&before), buf_str(&after)) != 0)
            return differs(r, key, buf_str(&before), buf_str(&after));
    }
    return 0;
}

/* 0 the same, 1 not. */
static int compare(struct replay *r, yyjson_val *line, yyjson_val *result)
{
    const char *then = json_str(line, "outcome");
    char now[32];

    outcome_of(result, now);
    if (then && strcmp(then, now) != 0)
        return differs(r, "the outcome", then,
                       json_bool(result, "isError", false) ? first_text(result) : now);
    learn(&r->ids, yyjson_obj_get(line, "ids"), result);
    return compare_facts(r, yyjson_obj_get(line, "facts"), result);
}

/* ---- a line ---- */

static int do_call(struct replay *r, yyjson_val *line, const char *tool, struct err *err)
{
    AUTO(buf) struct buf arguments = BUF_MAX(ARGUMENTS_MAX), message = BUF_MAX(SERVER_MESSAGE_MAX);
    AUTO(buf) struct buf reply = BUF_MAX(SERVER_REPLY_MAX);
    AUTO_FREE char *given = yyjson_val_write(yyjson_obj_get(line, "arguments"), 0, NULL);
    AUTO_JSON yyjson_doc *doc = NULL;
    struct options words = { .words = { "call", tool }, .word_count = 3 };
    int64_t begun_ms = clock_ms();
    yyjson_val *error, *root;

    if (!given || strstr(given, MASK)) {
        printf("line %u: %s: an argument was left out or masked when it was recorded; write it "
               "into the file\n",
               r->line, tool);
        return 1;
    }
    if (translate(&r->ids, given, &arguments, err))
        return -1;
    words.words[2] = buf_str(&arguments);
    if (message_make(&message, &words, err) ||
        cli_ask(r->server, r->sandbox, &message, &reply, err))
        return -1;
    doc = yyjson_read(buf_str(&reply), reply.len, 0);
    root = yyjson_doc_get_root(doc);
    error = yyjson_obj_get(root, "error");
    if (error || !yyjson_obj_get(root, "result"))
        return differs(r, "the tool", "there", error ? json_str(error, "message") : "silent");
    r->calls++;
    if (compare(r, line, yyjson_obj_get(root, "result")))
        return 1;
    printf("%3u %s %s %lld ms\n", r->line, tool, json_str(line, "outcome") ?: "",
           (long long)(clock_ms() - begun_ms));
    return 0;
}

static int do_line(struct replay *r, const char *text, size_t len, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = json_parse(text, len, err);
    yyjson_val *line = yyjson_doc_get_root(doc);
    const char *tool = json_str(line, "tool"), *mark = json_str(line, "mark");

    if (!doc)
        return err_wrap(err, "line %u", r->line);
    if (r->line == 1) {
        if (json_int(line, "sandbox_mcp_actions", 0) == 1)
            return 0;
        err_set(err, ERR_INVALID, "this is no recording of actions");
        return err_next(err, "make one with recording_start, kind actions");
    }
    if (mark) {
        fputs("--- ", stdout);
        say(mark);
        putchar('\n');
    }
    return tool ? do_call(r, line, tool, err) : 0;
}

int cli_replay(const struct options *o, struct server *server, struct err *err)
{
    AUTO(buf) struct buf file = BUF_MAX(FILE_MAX);
    AUTO_FREE struct replay *r = calloc(1, sizeof(*r));
    int result = 0;

    if (!r)
        return err_oom(err);
    if (o->word_count != 2) {
        err_set(err, ERR_INVALID, "replay needs a file");
        return err_next(err, "e.g. sandbox-mcp replay actions.jsonl");
    }
    if (io_read_file(o->words[1], FILE_MAX, &file, err))
        return -1;
    r->server = server;
    r->sandbox = o->sandbox;
    for (const char *p = buf_str(&file), *end = p + file.len; p < end && !result;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((newline ? newline : end) - p);
        r->line++;
        if (len)
            result = do_line(r, p, len, err);
        fflush(stdout);
        p += len + 1;
    }
    if (!result)
        printf("%u calls, no difference\n", r->calls);
    return result;
}
