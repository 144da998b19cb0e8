#include "mcp/router.h"
#include "mcp/view_parts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define ANY_NAME (SELECT_ALL | SELECT_TOOLSET | SELECT_PRESET | SELECT_TOOL)
#define READ_ONLY "readonly"

/* Those that are there today. */
static const char *const default_toolsets[] = { "core", "recording" };

/* ---- what the launch allows ---- */

static void add_defaults(struct tool_set *out)
{
    bool any = false;

    for (size_t i = 0; i < COUNT_OF(default_toolsets); i++) {
        const char *name = default_toolsets[i];
        if (!select_knows(name, strlen(name), SELECT_TOOLSET))
            continue;
        any = true;
        (void)!select_names("", name, strlen(name), SELECT_TOOLSET, out, NULL);
    }
    for (size_t i = 0; !any && i < tool_def_count; i++)
        tool_set_add(out, i);
}

static int named(const char *what, const char *text, unsigned kinds, struct tool_set *out,
                 struct err *err)
{
    if (!text || !select_names(what, text, strlen(text), kinds, out, err))
        return 0;
    if (err)
        err->code = ERR_INVALID;
    return -1;
}

static bool is_empty(const struct tool_set *set)
{
    for (size_t i = 0; i < tool_def_count; i++)
        if (tool_set_has(set, i))
            return false;
    return true;
}

/* Without tools that the backend cannot serve, or that write. */
static void keep_servable(struct tool_set *set, unsigned can, bool read_only)
{
    for (size_t i = 0; i < tool_def_count; i++)
        if (tool_defs[i].needs & ~can || (read_only && !tool_defs[i].read_only))
            tool_set_remove(set, i);
}

static int choose(const struct server_config *config, struct tool_set *out, struct err *err)
{
    const struct view_options *o = &config->view;
    struct tool_set excluded = { 0 };

    if (!o->toolsets && !o->tools)
        add_defaults(out);
    if (named("--toolsets", o->toolsets, SELECT_ALL | SELECT_TOOLSET | SELECT_PRESET, out, err) ||
        named("--tools", o->tools, SELECT_TOOL, out, err) ||
        named("--exclude", o->exclude, SELECT_TOOLSET | SELECT_TOOL, &excluded, err))
        return -1;
    for (size_t i = 0; i < COUNT_OF(out->bits); i++)
        out->bits[i] &= ~excluded.bits[i];
    keep_servable(out, config->can, o->read_only);
    if (is_empty(out) && (o->toolsets || o->tools || o->exclude))
        return err_set(err, ERR_INVALID,
                       "--toolsets, --tools and --exclude leave no tool of this backend%s",
                       o->read_only ? " that only reads" : "");
    return 0;
}

int views_make(struct server *srv, const struct server_config *config, struct err *err)
{
    struct views *v;

    if (tool_def_count > VIEW_TOOLS_MAX)
        return err_set(err, ERR_INTERNAL, "more than %d tools", VIEW_TOOLS_MAX);
    v = calloc(1, sizeof(*v));
    if (!v)
        return err_oom(err);
    if (choose(config, &v->allowed, err)) {
        free(v);
        return -1;
    }
    v->read_only = config->view.read_only;
    v->structured = config->view.structured;
    v->by_token = config->view.by_token;
    v->open_world = config->open_world;
    pthread_mutex_init(&v->lock, NULL);
    srv->views = v;
    return view_get(srv, NULL, &v->whole, err);
}

bool views_allow(const struct server *srv, const char *names)
{
    char name[64];

    for (; names && *names; names += strspn(names, " ")) {
        size_t len = strcspn(names, " ");
        const struct tool_def *def;
        snprintf(name, sizeof(name), "%.*s", (int)len, names);
        def = tool_find(name);
        if (!def || !tool_set_has(&srv->views->allowed, (size_t)(def - tool_defs)))
            return false;
        names += len;
    }
    return true;
}

static void view_free(struct tool_view *view)
{
    for (int form = 0; form < LIST_FORM_COUNT; form++)
        buf_done(&view->lists[form]);
    free(view);
}

void views_done(struct server *srv)
{
    struct views *v = TAKE(srv->views);

    if (!v)
        return;
    while (v->first) {
        struct tool_view *view = v->first;
        v->first = view->next;
        view_free(view);
    }
    pthread_mutex_destroy(&v->lock);
    free(v);
}

/* ---- one view ---- */

/* "core,terminal/readonly": names at most once, readonly at most once, in any order. */
static int read_selection(const char *text, struct tool_view *key, struct err *err)
{
    struct tool_set set = { 0 };
    bool names = false, read_only = false;

    if (strlen(text) > VIEW_SELECTION_MAX)
        return err_set(err, ERR_INVALID, "a selection of more than %d bytes", VIEW_SELECTION_MAX);
    while (*text) {
        size_t n = strcspn(text, "/");
        bool *seen = n == strlen(READ_ONLY) && !memcmp(text, READ_ONLY, n) ? &read_only : &names;
        if (!n || *seen)
            return err_set(err, ERR_INVALID, "a selection is NAME,NAME,... or readonly or both");
        *seen = true;
        if (seen == &names && select_names("selection", text, n, ANY_NAME, &set, err))
            return -1;
        text += n + (text[n] == '/');
    }
    if (!names && !read_only)
        return err_set(err, ERR_INVALID, "a selection is empty");
    for (size_t i = 0; names && i < COUNT_OF(set.bits); i++)
        key->selected.bits[i] &= set.bits[i];
    key->read_only |= read_only;
    return 0;
}

/* What of the selected is left by the scopes. */
static void apply_scopes(struct tool_view *key, unsigned scopes)
{
    key->scopes = scopes & (SCOPE_READ | SCOPE_EXECUTE);
    key->read_only |= !(scopes & SCOPE_EXECUTE);
    memset(&key->has, 0, sizeof(key->has));
    for (size_t i = 0; i < tool_def_count; i++)
        if (tool_set_has(&key->selected, i) && key->scopes & view_scope(&tool_defs[i]))
            tool_set_add(&key->has, i);
}

static bool same_view(const struct tool_view *a, const struct tool_view *b)
{
    return a->scopes == b->scopes && a->read_only == b->read_only &&
           !memcmp(&a->selected, &b->selected, sizeof(a->selected));
}

/* The lock is held. */
static size_t made_by(const struct views *v, uint64_t maker)
{
    size_t n = 0;

    for (const struct tool_view *view = v->first; view; view = view->next)
        n += view->maker == maker;
    return n;
}

/* FNV-1a: two principals that share a value share their room, no more. */
static uint64_t hash(const char *s)
{
    uint64_t h = 14695981039346656037u;

    while (*s)
        h = (h ^ (unsigned char)*s++) * 1099511628211u;
    return h;
}

/* The lock is held. */
static struct tool_view *find_or_make(struct server *srv, const struct tool_view *key,
                                      struct err *err)
{
    struct views *v = srv->views;
    struct tool_view *view = v->first;
    bool whole = key->scopes == (SCOPE_READ | SCOPE_EXECUTE);

    while (view && !same_view(view, key))
        view = view->next;
    if (view)
        return view;
    if (whole && v->count == VIEWS_MAX) {
        err_set(err, ERR_QUOTA, "more than %d different selections are in use", VIEWS_MAX);
        return NULL;
    }
    if (whole && key->maker && made_by(v, key->maker) >= VIEWS_PER_PRINCIPAL) {
        err_set(err, ERR_QUOTA, "more than %d selections of yours are in use", VIEWS_PER_PRINCIPAL);
        return NULL;
    }
    view = malloc(sizeof(*view));
    if (!view) {
        err_oom(err);
        return NULL;
    }
    *view = *key;
    if (lists_of_view(srv, view, err)) {
        view_free(view);
        return NULL;
    }
    view->next = v->first;
    v->first = view;
    v->count += whole;
    return view;
}

static int get(struct server *srv, const struct tool_view *key, const struct tool_view **out,
               struct err *err)
{
    struct tool_view *view;

    pthread_mutex_lock(&srv->views->lock);
    view = find_or_make(srv, key, err);
    pthread_mutex_unlock(&srv->views->lock);
    if (!view)
        return -1;
    *out = view;
    return 0;
}

int view_get(struct server *srv, const char *selection, const struct tool_view **out,
             struct err *err)
{
    return view_get_for(srv, NULL, selection, out, err);
}

int view_get_for(struct server *srv, const char *principal, const char *selection,
                 const struct tool_view **out, struct err *err)
{
    struct views *v = srv->views;
    struct tool_view key = { .selected = v->allowed, .read_only = v->read_only };

    key.maker = principal ? hash(principal) : 0;

    if (!selection && v->whole) {
        *out = v->whole;
        return 0;
    }
    if (selection && read_selection(selection, &key, err))
        return -1;
    if (key.read_only)
        keep_servable(&key.selected, UINT_MAX, true);
    if (selection && is_empty(&key.selected))
        return err_set(err, ERR_NOT_FOUND, "the selection leaves no tool of this server");
    apply_scopes(&key, SCOPE_ALL);
    return get(srv, &key, out, err);
}

int view_narrow(struct server *srv, const struct tool_view *view, unsigned scopes,
                const struct tool_view **out, struct err *err)
{
    struct tool_view key = { .selected = view->selected, .read_only = view->read_only };

    *out = view;
    if ((scopes & (SCOPE_READ | SCOPE_EXECUTE)) == view->scopes)
        return 0;
    apply_scopes(&key, scopes);
    return get(srv, &key, out, err);
}

unsigned view_scope(const struct tool_def *def)
{
    return def->read_only ? SCOPE_READ : SCOPE_EXECUTE;
}

bool view_has(const struct tool_view *view, const struct tool_def *def)
{
    return tool_set_has(&view->has, (size_t)(def - tool_defs));
}

unsigned view_lacks(const struct tool_view *view, const struct tool_def *def)
{
    bool selected = tool_set_has(&view->selected, (size_t)(def - tool_defs));

    return selected && !view_has(view, def) ? view_scope(def) : 0;
}

bool view_read_only(const struct tool_view *view)
{
    return view->read_only;
}
