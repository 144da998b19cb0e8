#include "backend/browser/pdf.h"
#include "base/utf8.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"
#include "tools/saving.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 80
#define TRIES 100

/* A title as the name of a file: what a shell or a file system might not like becomes '-'. */
static void name_of(const char *title, char out[NAME_MAX_BYTES + 1])
{
    size_t n = 0;

    for (const char *s = title; *s && n < NAME_MAX_BYTES; s++) {
        unsigned char c = (unsigned char)*s;
        bool plain = isalnum(c) || c >= 0x80 || (c == '.' && n) || c == '_';
        if (plain)
            out[n++] = *s;
        else if (n && out[n - 1] != '-')
            out[n++] = '-';
    }
    n = utf8_valid(out, n) ? n : utf8_cut(out, n);
    while (n && (out[n - 1] == '-' || out[n - 1] == '.'))
        n--;
    out[n] = '\0';
    if (!n || !utf8_valid(out, n))
        strcpy(out, "page");
}

struct place {
    struct saving saving;
    char name[NAME_MAX_BYTES + 1], path[NAME_MAX_BYTES + 64];
};

static void place_done(struct place *place)
{
    saving_done(&place->saving);
}

static int take(void *context, const char *data, size_t len, struct err *err)
{
    struct place *place = context;

    return saving_add(&place->saving, data, len, err);
}

/* In the folder of downloads, by its title, and no file that is there is written over. */
static int take_somewhere(void *context, const char *data, size_t len, struct err *err)
{
    struct place *place = context;
    struct saving *s = &place->saving;
    struct err why = { 0 };

    for (int i = 1; i <= TRIES && !s->saved; i++) {
        snprintf(place->path, sizeof(place->path), "downloads/%s", place->name);
        snprintf(place->path + strlen(place->path), 16, i == 1 ? ".pdf" : "-%d.pdf", i);
        s->path = place->path;
        if (!saving_add(s, data, len, &why))
            return 0;
        if (why.code != ERR_CONFLICT)
            break;
    }
    if (s->saved)
        return saving_add(s, data, len, err);
    if (err)
        *err = why;
    return -1;
}

static int add_link(struct tool_call *call, struct browsing *b, const struct saving *s,
                    struct err *err)
{
    AUTO(buf) struct buf uri = BUF_MAX(16 * 1024);
    const char *name = strrchr(s->saved, '/');

    if (buf_addf(&uri, err, "sandbox://%s/file/", b->sandbox->id))
        return -1;
    for (const char *p = s->saved; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (isalnum(c) || strchr("/-._~", c) ? buf_addc(&uri, *p, err)
                                             : buf_addf(&uri, err, "%%%02X", c))
            return -1;
    }
    return tool_link(call, uri.data, name ? name + 1 : s->saved, "application/pdf", s->bytes, err);
}

static int reply(struct tool_call *call, struct browsing *b, const struct saving *s,
                 struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);

    if (buf_addf(&text, err, "%s · printed to ", page_id(b->page)) ||
        render_name(&text, s->saved, err) || buf_adds(&text, " · ", err) ||
        render_bytes(&text, (uint64_t)s->bytes, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "page_id", page_id(b->page));
    jw_kstr(&w, "path", s->saved);
    jw_kint(&w, "bytes", s->bytes);
    jw_end(&w);
    if (jw_done(&w) || tool_text(call, text.data, text.len, err) || add_link(call, b, s, err))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_browser_pdf(struct tool_call *call, const struct browser_pdf_args *args, struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(place) struct place place = { .saving = { .call = call->call, .path = args->path } };
    struct pdf_how how = { .landscape = args->landscape, .ranges = args->pages };
    struct page_info info;

    if (browsing_begin(call, args->page_id, &b, err))
        return -1;
    page_info(b.page, &info);
    name_of(info.title, place.name);
    place.saving.sandbox = b.sandbox;
    place.saving.keep = !args->path;
    if (page_pdf(b.page, &how, call->call, args->path ? take : take_somewhere, &place, err))
        return -1;
    return reply(call, &b, &place.saving, err);
}
