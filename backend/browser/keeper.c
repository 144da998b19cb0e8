#include "backend/browser/keeper.h"
#include "backend/browser/download.h"
#include "backend/browser_url.h"
#include "base/clock.h"
#include "base/list.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PING_MS 3000
#define LOOK_MS 50 /* at the call, while somebody else starts the browser */

struct kept {
    struct list link;
    struct browser *browser;
    struct browser_link how; /* its wire is the browser's */
    unsigned users;
};

struct keeper {
    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    struct list ended; /* that somebody still holds */
    struct kept *now;
    bool starting;
    int64_t used_ms;
    char last_page[ID_SIZE];
    char gone[BROWSER_CLOSED_KEPT][ID_SIZE]; /* pages of the browser before */
};

struct keeper *keeper_new(void)
{
    struct keeper *k = calloc(1, sizeof(*k));
    pthread_condattr_t attr;

    if (!k)
        return NULL;
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&k->changed, &attr);
    pthread_condattr_destroy(&attr);
    list_init(&k->ended);
    return k;
}

static void kept_free(struct kept *one)
{
    if (!one)
        return;
    browser_free(one->browser);
    free(one);
}

void keeper_free(struct keeper *k)
{
    if (!k)
        return;
    kept_free(k->now);
    list_each(link, &k->ended)
    {
        list_remove(link);
        kept_free(list_of(link, struct kept, link));
    }
    pthread_cond_destroy(&k->changed);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

/* Locked. What has to be freed without the lock, or NULL. */
static struct kept *retire(struct keeper *k)
{
    struct kept *one = TAKE(k->now);

    if (!one)
        return NULL;
    *k->last_page = '\0';
    browser_page_ids(one->browser, k->gone);
    if (!one->users)
        return one;
    list_append(&k->ended, &one->link);
    return NULL;
}

static int wait_for_start(struct keeper *k, struct call *call, struct err *err)
{
    int64_t until = clock_ms() + LOOK_MS;
    struct timespec ts = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };

    pthread_cond_timedwait(&k->changed, &k->lock, &ts);
    return call_check(call, err);
}

static int set_up_downloads(struct kept *one, struct call *call, struct err *err)
{
    bool shared = one->how.same_files && *one->how.downloads;

    return browser_downloads(one->browser,
                             &(struct download_config){ .dir = shared ? one->how.downloads : NULL },
                             call, err);
}

/* Unlocked, `starting` is set. */
static int start(struct sandbox *sb, struct call *call, struct kept **out, struct err *err)
{
    const struct backend_config *config = sb->backend->config;
    struct kept *one = calloc(1, sizeof(*one));
    int r;

    if (!one)
        return err_oom(err);
    if (config && config->browser_cdp_url)
        r = browser_url_connect(sb, call, &one->how, err);
    else
        r = sb->backend->ops->browser->connect(sb, call, &one->how, err);
    if (r || (one->how.ours ? browser_new : browser_join)(TAKE(one->how.wire), call, &one->browser,
                                                          err)) {
        free(one);
        return -1;
    }
    if (set_up_downloads(one, call, err)) {
        kept_free(one);
        return -1;
    }
    *out = one;
    return 0;
}

static int start_locked(struct keeper *k, struct sandbox *sb, struct call *call, struct err *err)
{
    struct kept *made = NULL;
    int r;

    k->starting = true;
    pthread_mutex_unlock(&k->lock);
    r = start(sb, call, &made, err);
    pthread_mutex_lock(&k->lock);
    k->starting = false;
    k->now = made;
    if (made)
        browser_were(made->browser, k->gone);
    k->used_ms = clock_ms();
    pthread_cond_broadcast(&k->changed);
    return r;
}

static int take(struct keeper *k, struct sandbox *sb, struct call *call, struct browser **out,
                struct err *err)
{
    struct kept *old = NULL;
    int r = 0;

    pthread_mutex_lock(&k->lock);
    while (!r && sb && k->starting)
        r = wait_for_start(k, call, err);
    if (!r && k->now && !browser_alive(k->now->browser))
        old = retire(k);
    if (!r && !k->now)
        r = sb ? start_locked(k, sb, call, err)
               : err_set(err, ERR_NOT_FOUND, "no browser is running");
    if (!r) {
        k->now->users++;
        *out = k->now->browser;
    }
    pthread_mutex_unlock(&k->lock);
    kept_free(old);
    return r;
}

/* One that answered nothing when it last was to: does it now? */
static bool hangs(struct browser *browser, struct call *call)
{
    struct cdp *cdp = browser_cdp(browser);
    struct err why = { 0 };

    return cdp_silent(cdp) &&
           cdp_call(cdp, NULL, "Browser.getVersion", NULL, PING_MS, call, NULL, &why) &&
           why.code == ERR_TIMEOUT && !call_check(call, NULL);
}

static void give_up(struct keeper *k, struct browser *browser)
{
    struct kept *old = NULL;

    pthread_mutex_lock(&k->lock);
    if (k->now && k->now->browser == browser)
        old = retire(k);
    pthread_mutex_unlock(&k->lock);
    kept_free(old);
    keeper_put(k, browser);
}

int keeper_take(struct keeper *k, struct sandbox *sb, struct call *call, struct browser **out,
                struct err *err)
{
    for (;;) {
        if (take(k, sb, call, out, err))
            return -1;
        if (!sb || !hangs(*out, call))
            return 0;
        give_up(k, *out);
    }
}

/* Locked. */
static struct kept *find(struct keeper *k, const struct browser *browser)
{
    if (k->now && k->now->browser == browser)
        return k->now;
    list_each(link, &k->ended)
    {
        struct kept *one = list_of(link, struct kept, link);
        if (one->browser == browser)
            return one;
    }
    return NULL;
}

void keeper_put(struct keeper *k, struct browser *browser)
{
    struct kept *over = NULL, *one;

    pthread_mutex_lock(&k->lock);
    one = find(k, browser);
    k->used_ms = clock_ms();
    if (one && !--one->users && one != k->now) {
        list_remove(&one->link);
        over = one;
    }
    pthread_mutex_unlock(&k->lock);
    kept_free(over);
}

void keeper_stop(struct keeper *k)
{
    struct browser *ours = NULL;
    struct kept *over;

    pthread_mutex_lock(&k->lock);
    if (k->now && k->now->how.ours) {
        k->now->users++;
        ours = k->now->browser;
    }
    over = retire(k);
    pthread_mutex_unlock(&k->lock);
    kept_free(over);
    if (ours) {
        (void)!browser_quit(ours, NULL);
        keeper_put(k, ours);
    }
}

bool keeper_expire(struct keeper *k, int64_t now_ms, int64_t idle_ms)
{
    struct kept *over = NULL;

    pthread_mutex_lock(&k->lock);
    if (k->now && !k->now->users &&
        (now_ms - k->used_ms >= idle_ms || !browser_alive(k->now->browser)))
        over = retire(k);
    pthread_mutex_unlock(&k->lock);
    kept_free(over);
    return over;
}

const struct browser_link *keeper_link(struct keeper *k, const struct browser *browser)
{
    const struct kept *one;

    pthread_mutex_lock(&k->lock);
    one = find(k, browser);
    pthread_mutex_unlock(&k->lock);
    return &one->how;
}

bool keeper_downloads(struct keeper *k)
{
    bool some;

    pthread_mutex_lock(&k->lock);
    some = k->now && download_waiting(k->now->browser);
    pthread_mutex_unlock(&k->lock);
    return some;
}

void keeper_version(struct keeper *k, char out[64])
{
    bool some;

    pthread_mutex_lock(&k->lock);
    some = k->now && browser_alive(k->now->browser);
    snprintf(out, 64, "%s", some ? browser_version(k->now->browser) : "");
    pthread_mutex_unlock(&k->lock);
}

void keeper_use_page(struct keeper *k, const char *page_id)
{
    pthread_mutex_lock(&k->lock);
    snprintf(k->last_page, sizeof(k->last_page), "%s", page_id);
    pthread_mutex_unlock(&k->lock);
}

void keeper_last_page(struct keeper *k, char out[ID_SIZE])
{
    pthread_mutex_lock(&k->lock);
    memcpy(out, k->last_page, ID_SIZE);
    pthread_mutex_unlock(&k->lock);
}
