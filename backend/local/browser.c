#include "backend/local/browser_wire.h"
#include "backend/local/local.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define START_MS 10000 /* until its process is there */
#define PROXY_FLAG "--proxy-server=http://127.0.0.1:3128"

#define FEATURES                                                        \
    "AutofillServerCommunication,DialMediaRouteProvider,HttpsUpgrades," \
    "MediaRouter,OptimizationHints,Translate,WebUIOmniboxAimPopup,WebUIOmniboxPopup"
#define RESOLVER_RULES \
    "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE ::1"

_Static_assert(EGRESS_PORT == 3128, "PROXY_FLAG names the port");

/* Nothing of its own accord over the network, no questions, no slowing down of pages in the
 * background; shared memory with its other files, where commands cannot get at it. Commands can
 * connect to the socket by which one start of a desktop's browser hands its words to another: a
 * headless or an automated one answers that it is about to end, and does nothing. */
static const char *const flags[] = {
    "--remote-debugging-pipe",
    "--headless",
    "--no-first-run",
    "--no-default-browser-check",
    "--window-size=1280,720",
    "--hide-scrollbars",
    "--mute-audio",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--site-per-process",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-component-extensions-with-background-pages",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-search-engine-choice-screen",
    "--enable-automation",
    "--deny-permission-prompts",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    ("--disable-features=" FEATURES),
    "--disk-cache-size=67108864",
    "--force-color-profile=srgb",
    "--metrics-recording-only",
    "--no-service-autorun",
    "--password-store=basic",
};

/* Names are the proxy's business; what is the sandbox's own needs none. */
static const char *const proxied[] = {
    PROXY_FLAG,
    ("--host-resolver-rules=" RESOLVER_RULES),
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
};

static bool have(const struct backend *base)
{
    const struct local_backend *be = (const struct local_backend *)base;

    return be->browser.program;
}

static int add_words(struct buf *out, const char *const *words, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (buf_add(out, words[i], strlen(words[i]) + 1, err))
            return -1;
    return 0;
}

/* A policy that lists the host's loopback means that, not the sandbox's, for commands too. */
static int add_network(const struct local_backend *be, struct buf *out, struct err *err)
{
    static const char *const direct[] = { "--no-proxy-server" };
    static const char *const through[] = { "--proxy-bypass-list=<-loopback>" };

    if (!be->policy || be->host_runtime)
        return add_words(out, direct, COUNT_OF(direct), err);
    if (egress_policy_names_loopback(be->policy) && add_words(out, through, 1, err))
        return -1;
    return add_words(out, proxied, COUNT_OF(proxied), err);
}

/* A desktop's browser makes no tab by itself: all pages are ours. A shell knows no such option. */
static const char *first_page(const char *program)
{
    return strstr(program, "headless") ? "about:blank" : "--no-startup-window";
}

static int put_request(const struct local_backend *be, struct wire_out *w, struct err *err)
{
    const char *page = first_page(be->browser.program);
    AUTO(buf) struct buf words = BUF_MAX(4096);

    if (add_words(&words, flags, COUNT_OF(flags), err) || add_network(be, &words, err) ||
        add_words(&words, &page, 1, err))
        return -1;
    wire_begin(w, WIRE_START, 0);
    wire_put_str(w, TAG_PATH, be->browser.program);
    wire_put(w, TAG_ARGS, words.data, words.len);
    if (be->host_runtime)
        wire_put_str(w, TAG_HOME, "/tmp");
    return 0;
}

/* Its pipes, the operation, and the answer to it. */
static int start(struct agent *a, struct call *call, bool *bare, struct cdp_wire **out,
                 struct err *err)
{
    AUTO_FREE struct frame *f = malloc(sizeof(*f));
    AUTO_FREE struct wire_out *w = malloc(sizeof(*w));
    AUTO_FD int to = -1;
    AUTO_FD int from = -1;
    AUTO_FD int commands = -1;
    AUTO_FD int answers = -1;
    AUTO_FD int channel = -1;

    if (!f || !w)
        return err_oom(err);
    if (put_request(a->sandbox->backend, w, err) || agent_pipe_in(a, &to, &commands, err) ||
        agent_pipe_out(a, &from, &answers, err) ||
        agent_open(a, WIRE_BROWSER, w, (int[]){ commands, answers }, 2, &channel, err) ||
        channel_expect(a, channel, WIRE_STARTED, call, clock_ms() + START_MS, f, err))
        return -1;
    *bare = wire_u32(&f->in, TAG_FLAGS, 0) & WIRE_F_BARE;
    return browser_wire_new(a, TAKE_FD(&channel), TAKE_FD(&from), TAKE_FD(&to), out, err);
}

/* Nothing in it would be lost if it were started anew. */
static bool is_quiet(struct local_sandbox *sb)
{
    bool quiet;

    pthread_mutex_lock(&sb->lock);
    quiet = list_empty(&sb->sessions) && local_ptys_none(sb) && !sb->code;
    list_each(link, &sb->jobs)
    {
        struct job *j = list_of(link, struct job, link);
        pthread_mutex_lock(&j->lock);
        quiet &= j->phase == JOB_OVER;
        pthread_mutex_unlock(&j->lock);
    }
    pthread_mutex_unlock(&sb->lock);
    return quiet;
}

/* The process that starts browsers has gone: only a new sandbox has one again. */
static int start_anew(struct local_sandbox *sb, struct call *call, struct agent **a, bool *bare,
                      struct cdp_wire **out, struct err *err)
{
    if (!is_quiet(sb)) {
        err_set(err, ERR_UNAVAILABLE,
                "something in the sandbox has killed the process that starts browsers");
        return err_next(err, "end what runs in the sandbox (terminal_kill; sessions and code "
                             "contexts too) and call again: it is then started anew");
    }
    local_stop(sb, "the process that starts browsers was killed");
    agent_unref(TAKE(*a));
    return local_agent(sb, call, a, err) || start(*a, call, bare, out, err) ? -1 : 0;
}

static void describe(const struct local_sandbox *sb, bool bare, struct browser_link *out)
{
    const struct local_backend *be = sb->backend;

    out->ours = out->same_files = out->headless = true;
    snprintf(out->downloads, sizeof(out->downloads), "%s/downloads", local_workspace(sb));
    snprintf(out->note, sizeof(out->note), "%s%s",
             be->host_runtime ? "runs on this machine without isolation"
                              : "runs inside the sandbox, with its files and network",
             bare ? "; without a sandbox of its own (--no-sandbox)"
                  : ", and in a sandbox of its own");
}

static int connect_browser(struct sandbox *base, struct call *call, struct browser_link *out,
                           struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO_PTR(agent) struct agent *a = NULL;
    struct err why = { 0 };
    bool bare = false;

    if (!have(base->backend))
        return browser_place_missing(&sb->backend->browser, err);
    if (local_agent(sb, call, &a, err))
        return -1;
    if (start(a, call, &bare, &out->wire, &why) &&
        (why.code != ERR_GONE || start_anew(sb, call, &a, &bare, &out->wire, &why))) {
        if (err)
            *err = why;
        return -1;
    }
    pthread_mutex_lock(&sb->lock);
    sb->bare_browser = bare;
    pthread_mutex_unlock(&sb->lock);
    describe(sb, bare, out);
    browser_tender_start(sb->backend);
    return 0;
}

static int denied(struct sandbox *base, int64_t since_ms, struct strings *out, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);

    if (sb->backend->host_runtime)
        return 0;
    if (!sb->backend->policy)
        return strings_addf(out, err,
                            "this sandbox has no network (--network none): only what "
                            "runs inside it can be reached, as localhost");
    return local_denied(sb, since_ms, out, err);
}

const struct browser_ops local_browser_ops = {
    .connect = connect_browser,
    .have = have,
    .denied = denied,
};
