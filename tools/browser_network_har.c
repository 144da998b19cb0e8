#include "backend/browser/har.h"
#include "tools.gen.h"
#include "tools/browser_network.h"
#include "tools/render.h"

#include <stdio.h>
#include <string.h>

DEFINE_AUTO_PTR(har, har_free);

struct outcome {
    struct buf text;
    const char *said; /* the first line */
    char *path;       /* of the file that was written */
    struct har_facts facts;
    struct har_replay_facts replay;
    size_t bytes;
    bool recorded, replayed;
};

static void outcome_done(struct outcome *o)
{
    buf_done(&o->text);
    free(o->path);
}

/* ---- telling ---- */

static int note(struct jw *w, struct buf *text, const char *line, struct err *err)
{
    jw_str(w, line);
    return buf_addf(text, err, "%s\n", line);
}

static int notes(struct jw *w, struct outcome *o, struct err *err)
{
    char line[160];

    jw_key(w, "notes");
    jw_arr(w);
    snprintf(line, sizeof(line), "%zu requests beyond the bounds of a recording are missing",
             o->facts.lost);
    if (o->facts.lost && note(w, &o->text, line, err))
        return -1;
    snprintf(line, sizeof(line), "%zu entries cannot be served: the file lacks their bodies",
             o->replay.without_body);
    if (o->replay.without_body && note(w, &o->text, line, err))
        return -1;
    jw_aend(w);
    return 0;
}

static int say(struct outcome *o, bool recording, struct err *err)
{
    if (buf_addf(&o->text, err, "%s", o->said))
        return -1;
    if (o->path && (buf_adds(&o->text, " · ", err) || render_name(&o->text, o->path, err) ||
                    buf_adds(&o->text, " · ", err) || render_bytes(&o->text, o->bytes, err)))
        return -1;
    if ((o->recorded || recording) && buf_addf(&o->text, err, " · %zu request%s, %zu bod%s",
                                               o->facts.entries, o->facts.entries == 1 ? "" : "s",
                                               o->facts.bodies, o->facts.bodies == 1 ? "y" : "ies"))
        return -1;
    if (o->replayed &&
        buf_addf(&o->text, err, " · %zu entr%s, %llu served, %llu missed", o->replay.entries,
                 o->replay.entries == 1 ? "y" : "ies", (unsigned long long)o->replay.served,
                 (unsigned long long)o->replay.missed))
        return -1;
    return buf_addc(&o->text, '\n', err);
}

static int reply(struct tool_call *call, struct browsing *b, struct outcome *o, struct err *err)
{
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX);
    AUTO_PTR(har) struct har *running = har_shared(b->browser);
    struct har_replay_facts replay;
    struct jw w = JW(&json, err);
    bool replaying = har_replay_facts(b->browser, &replay);

    if (say(o, running != NULL, err))
        return -1;
    jw_obj(&w);
    jw_kbool(&w, "recording", running != NULL);
    jw_kbool(&w, "replaying", replaying);
    if (o->path) {
        jw_kstr(&w, "path", o->path);
        jw_kint(&w, "bytes", (int64_t)o->bytes);
    }
    if (o->recorded || o->replayed)
        jw_kint(&w, "entries", (int64_t)(o->replayed ? o->replay.entries : o->facts.entries));
    if (o->replayed) {
        jw_kint(&w, "served", (int64_t)o->replay.served);
        jw_kint(&w, "missed", (int64_t)o->replay.missed);
    }
    if (notes(&w, o, err))
        return -1;
    jw_end(&w);
    if (jw_done(&w) || tool_text(call, o->text.data, o->text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

/* ---- doing ---- */

static int start(struct tool_call *call UNUSED, struct browsing *b,
                 const struct browser_har_args *args, struct outcome *o, struct err *err)
{
    struct har_options how = {
        .bodies = (enum har_bodies)args->bodies,
        .redact = args->redact,
        .filter = args->filter,
    };
    struct har *har = NULL;

    if (har_start(b->browser, &how, &har, err))
        return -1;
    if (har_share(b->browser, har, err)) {
        har_free(har);
        return -1;
    }
    o->said = "recording; browser_har action=export path=... writes the file";
    return 0;
}

static int write_file(struct tool_call *call, struct browsing *b, struct har *har,
                      const struct browser_har_args *args, struct outcome *o, struct err *err)
{
    AUTO(buf) struct buf file = BUF_MAX(HAR_TEXT_MAX);

    if (har_write(har, args->redact, call->call, &file, &o->facts, err) ||
        network_save(call, b->sandbox, args->path, file.data, file.len, &o->path, err))
        return -1;
    o->bytes = file.len;
    return 0;
}

static int no_recording(struct err *err)
{
    err_set(err, ERR_NOT_FOUND, "no HAR is being recorded");
    return err_next(err, "begin with browser_har action=start");
}

static int no_path(struct err *err)
{
    err_set(err, ERR_INVALID, "path is missing");
    return err_next(err, "pass the sandbox path of the HAR file");
}

static int export(struct tool_call *call, struct browsing *b, const struct browser_har_args *args,
                  struct outcome *o, struct err *err)
{
    AUTO_PTR(har) struct har *har = har_shared(b->browser);

    if (!har)
        return no_recording(err);
    if (!args->path)
        return no_path(err);
    o->recorded = true;
    o->said = "exported, recording goes on";
    return write_file(call, b, har, args, o, err);
}

static int replay(struct tool_call *call, struct browsing *b, const struct browser_har_args *args,
                  struct outcome *o, struct err *err)
{
    AUTO(buf) struct buf file = BUF_MAX(HAR_REPLAY_MAX);
    struct har_replay_options how = {
        .filter = args->filter,
        .fall_through = args->not_found == BROWSER_HAR_NOT_FOUND_FALLTHROUGH,
    };

    if (!args->path)
        return no_path(err);
    if (network_load(call, b->sandbox, args->path, &file, err))
        return -1;
    how.text = buf_str(&file);
    how.len = file.len;
    o->replayed = true;
    o->said = "replaying; browser_har action=stop ends it";
    return har_replay(b->browser, &how, call->call, &o->replay, err);
}

static int stop(struct tool_call *call, struct browsing *b, const struct browser_har_args *args,
                struct outcome *o, struct err *err)
{
    AUTO_PTR(har) struct har *har = har_shared(b->browser);

    o->replayed = har_replay_facts(b->browser, &o->replay);
    o->recorded = har != NULL;
    if (!har && (!o->replayed || args->path))
        return no_recording(err);
    if (har)
        har_facts(har, &o->facts);
    if (args->path && write_file(call, b, har, args, o, err))
        return -1;
    o->said = "stopped";
    if (har && har_share(b->browser, NULL, err))
        return -1;
    return o->replayed ? har_replay_stop(b->browser, call->call, err) : 0;
}

int tool_browser_har(struct tool_call *call, const struct browser_har_args *args, struct err *err)
{
    static int (*const actions[])(struct tool_call *, struct browsing *,
                                  const struct browser_har_args *, struct outcome *,
                                  struct err *) = {
        [BROWSER_HAR_ACTION_START] = start,
        [BROWSER_HAR_ACTION_EXPORT] = export,
        [BROWSER_HAR_ACTION_REPLAY] = replay,
        [BROWSER_HAR_ACTION_STOP] = stop,
    };
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(outcome) struct outcome o = { .text = BUF_MAX(RENDER_MAX) };

    if (browsing_open(call, &b, err) || actions[args->action](call, &b, args, &o, err))
        return -1;
    return reply(call, &b, &o, err);
}
