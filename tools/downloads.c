#include "tools/downloads.h"
#include "backend/browser/keeper.h"

#include <stdlib.h>
#include <string.h>

#define PLACE_MS 20000
#define NAMES_MAX 1000

/* Names come by the environment: nothing of them is ever a word of the shell's. What a browser that
 * was killed left behind goes a day later. */
static const char place_script[] =
    "mkdir -p -- \"$DIR\" || exit 1; "
    "find \"${FILE%/*}\" -type f -mmin +1440 -delete 2>/dev/null; i=0; while [ $i -lt 1000 ]; do "
    "if [ $i = 0 ]; then t=\"$DIR/$STEM$EXT\"; else t=\"$DIR/$STEM ($i)$EXT\"; fi; "
    "if [ ! -e \"$t\" ] && [ ! -L \"$t\" ]; then "
    "if ln -- \"$FILE\" \"$t\" 2>/dev/null; then rm -f -- \"$FILE\"; printf %s \"$t\"; exit 0; fi; "
    "if [ ! -e \"$t\" ]; then mv -- \"$FILE\" \"$t\" || exit 1; printf %s \"$t\"; exit 0; fi; "
    "fi; i=$((i+1)); done; echo 'every name is taken' >&2; exit 1";

static const char move_script[] =
    "case \"$TO\" in '~') TO=$HOME;; '~/'*) TO=\"$HOME/${TO#??}\";; -*) TO=\"./$TO\";; esac; "
    "case \"$TO\" in */) mkdir -p -- \"$TO\" || exit 1;; esac; "
    "if [ -d \"$TO\" ]; then t=\"${TO%/}/$NAME\"; else t=\"$TO\"; "
    "mkdir -p -- \"$(dirname -- \"$t\")\" || exit 1; fi; "
    "if [ -e \"$t\" ] || [ -L \"$t\" ]; then exit 17; fi; "
    "mv -- \"$FILE\" \"$t\" || exit 1; d=$(cd -- \"$(dirname -- \"$t\")\" && pwd) || exit 1; "
    "printf %s \"${d%/}/$(basename -- \"$t\")\"";

static int run_script(struct tool_call *call, struct sandbox *sb, const char *script,
                      const struct env_var *env, size_t env_count, struct exec_result *res,
                      struct err *err)
{
    const struct exec_request req = {
        .command = script,
        .env = env,
        .env_count = env_count,
        .timeout_ms = PLACE_MS,
        .yield_ms = PLACE_MS + 1000,
        .max_bytes = 2 * DOWNLOAD_PATH_MAX,
    };

    if (sandbox_exec(sb, call->call, &req, res, err))
        return -1;
    if (res->status != EXEC_EXITED)
        return err_set(err, ERR_TIMEOUT, "not done within %d s", PLACE_MS / 1000);
    if (res->exit_code == 17)
        return err_set(err, ERR_CONFLICT, "there is a file of that name");
    if (res->exit_code || !res->out.text.len || res->out.text.len >= DOWNLOAD_PATH_MAX)
        return err_set(err, ERR_INVALID, "%.200s",
                       res->errs.text.len ? buf_str(&res->errs.text) : "the files do not allow it");
    return 0;
}

/* ---- of a browser that shares the files ---- */

static int place_file(struct tool_call *call, struct sandbox *sb, const struct download *d,
                      struct buf *path, struct err *err)
{
    AUTO(exec_result) struct exec_result res = { 0 };
    AUTO_FREE char *dir = strdup(d->file), *stem = strdup(d->name);
    size_t extension = download_extension(d->name);

    if (!dir || !stem)
        return err_oom(err);
    for (int up = 0; up < 2; up++) /* DIR/.incoming/GUID */
        *strrchr(dir, '/') = '\0';
    stem[extension] = '\0';
    const struct env_var env[] = {
        { "FILE", d->file }, { "DIR", dir }, { "STEM", stem }, { "EXT", d->name + extension }
    };
    if (run_script(call, sb, place_script, env, COUNT_OF(env), &res, err))
        return -1;
    return buf_add(path, res.out.text.data, res.out.text.len, err);
}

/* ---- of one that does not ---- */

struct taking {
    struct tool_call *call;
    struct sandbox *sb;
    struct buf *path;
    int64_t size;
};

static int append(void *context, const char *data, size_t len, struct err *err)
{
    struct taking *t = context;
    AUTO(file_write_result) struct file_write_result res = { 0 };
    const struct file_write_request req = {
        .path = t->path->data,
        .data = data,
        .len = len,
        .mode = FILE_APPEND,
        .permissions = -1,
    };

    t->size += (int64_t)len;
    return sandbox_file_write(t->sb, t->call->call, &req, &res, err);
}

/* An empty file of a name that nothing has. */
static int free_name(struct taking *t, const struct download *d, struct err *err)
{
    size_t extension = download_extension(d->name);

    for (int i = 0; i < NAMES_MAX; i++) {
        AUTO(file_write_result) struct file_write_result res = { 0 };
        struct file_write_request req = { .data = "", .mode = FILE_CREATE, .permissions = -1 };
        char number[16] = "";
        struct err why = { 0 };
        if (i)
            snprintf(number, sizeof(number), " (%d)", i);
        buf_clear(t->path);
        if (buf_addf(t->path, err, DOWNLOADS_DIR "/%.*s%s%s", (int)extension, d->name, number,
                     d->name + extension))
            return -1;
        req.path = t->path->data;
        if (!sandbox_file_write(t->sb, t->call->call, &req, &res, &why)) {
            buf_clear(t->path);
            return buf_adds(t->path, res.path, err);
        }
        if (why.code != ERR_CONFLICT) {
            *err = why;
            return -1;
        }
    }
    return err_set(err, ERR_CONFLICT, "every name is taken");
}

static int take_body(struct tool_call *call, struct sandbox *sb, struct browser *browser,
                     const struct download *d, struct buf *path, int64_t *size, struct err *err)
{
    struct taking t = { .call = call, .sb = sb, .path = path };

    if (free_name(&t, d, err) || download_take(browser, d, call->call, append, &t, err))
        return -1;
    *size = t.size;
    return 0;
}

/* ---- both ---- */

static void place_one(struct tool_call *call, struct sandbox *sb, struct browser *browser,
                      const struct download *d)
{
    AUTO(buf) struct buf path = BUF_MAX(DOWNLOAD_PATH_MAX);
    struct err err = { 0 };
    int64_t size = d->received;
    int r;

    if (*d->file)
        r = place_file(call, sb, d, &path, &err);
    else
        r = take_body(call, sb, browser, d, &path, &size, &err);
    if (!r)
        download_placed(browser, d->id, path.data, size, NULL);
    else if (err.code == ERR_CANCELLED)
        download_unclaim(browser, d->id);
    else
        download_placed(browser, d->id, NULL, size, err.msg);
}

void downloads_place_of(struct tool_call *call, struct sandbox *sb, struct browser *browser)
{
    AUTO_FREE struct download *d = NULL;

    if (!download_waiting(browser) || !(d = malloc(sizeof(*d))))
        return;
    for (int i = 0; i < DOWNLOADS_KEPT && !call_check(call->call, NULL); i++) {
        if (!download_claim(browser, d))
            return;
        place_one(call, sb, browser, d);
    }
}

void downloads_place(struct tool_call *call, struct sandbox *sb)
{
    struct keeper *k = atomic_load(&sb->keeper);
    struct browser *browser;

    if (!k || !keeper_downloads(k) || !(browser = sandbox_browser_running(sb)))
        return;
    downloads_place_of(call, sb, browser);
    sandbox_browser_put(sb, browser);
}

int downloads_move(struct tool_call *call, struct sandbox *sb, const struct download *d,
                   const char *to, char **path, struct err *err)
{
    AUTO(exec_result) struct exec_result res = { 0 };
    const struct env_var env[] = { { "FILE", d->path }, { "TO", to }, { "NAME", d->name } };

    if (run_script(call, sb, move_script, env, COUNT_OF(env), &res, err)) {
        if (err && err->code == ERR_INVALID) {
            err_set(err, ERR_DENIED, "to: nothing can be written at %.200s", to);
            return err_next(err, "pass a path in the workspace");
        }
        return err_wrap(err, "move the download");
    }
    *path = strndup(res.out.text.data, res.out.text.len);
    return *path ? 0 : err_oom(err);
}

/* ---- telling ---- */

void downloads_event(struct page_report *r, const struct download *d)
{
    struct page_event *e;
    char text[PAGE_EVENT_MAX * 2];
    long long size = (long long)d->received;

    if (r->event_count == PAGE_EVENTS_MAX)
        memmove(r->events, r->events + 1, --r->event_count * sizeof(*e));
    e = &r->events[r->event_count++];
    snprintf(e->type, sizeof(e->type), "download");
    switch (d->state) {
    case DOWNLOAD_DONE:
        snprintf(text, sizeof(text), "%s finished, id %s, %s, %lld bytes", d->name, d->id, d->path,
                 size);
        break;
    case DOWNLOAD_CANCELLED:
        snprintf(text, sizeof(text), "%s cancelled, id %s: %s", d->name, d->id, d->reason);
        break;
    case DOWNLOAD_FAILED:
        snprintf(text, sizeof(text), "%s failed, id %s: %s", d->name, d->id, d->reason);
        break;
    case DOWNLOAD_RUNNING:
    case DOWNLOAD_READY:
    case DOWNLOAD_CLAIMED:
        snprintf(text, sizeof(text), "%s started, id %s (browser_downloads waits for it)", d->name,
                 d->id);
        break;
    }
    snprintf(e->text, sizeof(e->text), "%.*s", PAGE_EVENT_MAX - 1, text);
}

int downloads_tell(struct tool_call *call, struct browsing *b, struct page_report *report,
                   struct err *err)
{
    AUTO_FREE struct download *news = NULL;
    size_t n;

    downloads_place_of(call, b->sandbox, b->browser);
    if (download_news(b->browser, page_id(b->page), &news, &n, err))
        return -1;
    for (size_t i = 0; i < n; i++)
        downloads_event(report, &news[i]);
    return 0;
}
